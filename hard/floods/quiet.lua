-- Those that a flood must not touch: a connection that was there before it, and says something now and then; and
-- clients that come meanwhile, one after the other.
local co = require "tls.co"
local uv = require "luv"
local certs = require "spec.support.certs"

local PAUSE_MS, NEXT_MS = 20, 200

local Quiet = {}
Quiet.__index = Quiet

local function connect(port)
  return co.connect {
    port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert,
    key = certs.agent.key, cert = certs.agent.cert, ALPNProtocols = { "echo" },
  }
end

local function exchange(socket, text)
  local ok, err = socket:write(text)
  if not ok then return nil, err end
  return socket:read(#text)
end

--- Connects; to be called in a task.
--- @return table quiet with `failure`, a text, as soon as one was not served
function Quiet.start(port)
  local socket, err = connect(port)
  if not socket then error("the quiet connection: " .. tostring(err), 0) end
  local self = setmetatable({ socket = socket, port = port, samples = {}, served = 0, tasks = {} }, Quiet)
  self.tasks[1] = co.run(self._talk, self)
  return self
end

function Quiet:_fail(who, err)
  self.failure = self.failure or who .. ": " .. tostring(err)
end

function Quiet:_talk()
  while not self.stopped do
    local began = uv.hrtime()
    local text, err = exchange(self.socket, "quiet")
    if text ~= "quiet" then return self:_fail("the quiet connection", err or text) end
    self.samples[#self.samples + 1] = (uv.hrtime() - began) / 1e6
    co.sleep(PAUSE_MS)
  end
end

--- One client that comes, is served and goes.
function Quiet:serve_one()
  local socket, err = connect(self.port)
  if not socket then return self:_fail("a new client", err) end
  local text, why = exchange(socket, "good")
  if text ~= "good" then self:_fail("a new client", why or text) end
  socket:close()
  self.served = self.served + 1
end

--- From now on they come until stop().
function Quiet:keep_coming()
  self.tasks[#self.tasks + 1] = co.run(function()
    while not self.stopped and not self.failure do
      self:serve_one()
      co.sleep(NEXT_MS)
    end
  end)
end

--- What was measured so far is forgotten: the flood begins.
function Quiet:forget() self.samples = {} end

--- @return string p50 and the longest, in ms
function Quiet:latency()
  table.sort(self.samples)
  local n = #self.samples
  if n == 0 then return "no answer" end
  return ("p50 %.1f ms, longest %.0f ms"):format(self.samples[math.ceil(n / 2)], self.samples[n])
end

--- Ends it all, also the quiet connection.
function Quiet:stop()
  self.stopped = true
  for _, task in ipairs(self.tasks) do task:wait() end
  self.socket:close()
end

return Quiet
