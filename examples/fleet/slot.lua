-- One place in a fleet: a socket of the port, which the parent keeps, and the worker that accepts from it. A worker
-- that ends is started again; one that replaces another begins beside it.
local uv = require "luv"
local co = require "tls.co"

local FIRST_WAIT, LONGEST_WAIT = 100, 5000 -- ms before a worker is started again; doubled each time
local STEADY = 10000 -- ms: who has run for so long begins with FIRST_WAIT again
local START = 30000 -- ms until a worker is ready, else it is ended

local Slot = {}
Slot.__index = Slot

--- @param tcp userdata bound, with reusePort; the slot's from now on
--- @param how table { command = string[], keys = function() -> line, log = function(text) }
function Slot.new(tcp, how)
  return setmetatable({ tcp = tcp, how = how, wait = FIRST_WAIT, worker = nil, stopping = false, workers = {} }, Slot)
end

local function say(worker, line)
  if not worker.stdin:is_closing() then worker.stdin:write(line .. "\n") end
end

-- Lines of a worker's standard output. on_ready is called once: with true, or with false if it has ended before.
local function listen_to(self, worker, on_ready)
  local rest = ""
  worker.stdout:read_start(function(_, data)
    if not data then return worker.stdout:close() end
    rest = (rest .. data):gsub("([^\n]*)\n", function(line)
      self.how.log(("worker %d %s"):format(worker.pid, line))
      if line == "ready" and not worker.ready then
        worker.ready = true
        on_ready(true)
      end
      return ""
    end)
  end)
end

local function start(self, on_ready)
  local worker = { stdin = uv.new_pipe(false), stdout = uv.new_pipe(false), began = uv.now() }
  local args = { (table.unpack or unpack)(self.how.command, 2) }
  local timer = uv.new_timer()
  worker.handle, worker.pid = uv.spawn(self.how.command[1],
    { args = args, stdio = { worker.stdin, worker.stdout, 2, self.tcp } }, function(status, signal)
      worker.handle:close()
      worker.stdin:close()
      timer:close()
      self.workers[worker] = nil
      self.how.log(("worker %d ended: status %d, signal %d"):format(worker.pid, status, signal))
      if not worker.ready then on_ready(false) end
      self:ended(worker)
    end)
  assert(worker.handle, worker.pid) -- no processes left: the parent cannot go on
  self.workers[worker] = true -- the present one, those that begin, those that still have connections
  timer:start(START, 0, function()
    if not worker.ready then worker.handle:kill "sigkill" end
  end)
  listen_to(self, worker, on_ready)
  say(worker, self.how.keys())
  return worker
end

function Slot:begin()
  if not self.stopping then self.worker = start(self, function() end) end
end

--- Starts the worker again, after a while, if it was not told to end.
function Slot:ended(worker)
  if worker ~= self.worker then return end
  self.worker = nil
  if self.stopping then return end
  if uv.now() - worker.began >= STEADY then self.wait = FIRST_WAIT end
  local wait = self.wait
  self.wait = math.min(2 * wait, LONGEST_WAIT)
  self.how.log(("starting another in %d ms"):format(wait))
  self.timer = uv.new_timer()
  self.timer:start(wait, 0, function()
    self.timer:close()
    self.timer = nil
    if not self.worker then self:begin() end
  end)
end

--- Waits until another worker accepts beside the present one, then stops that. Where the new one cannot begin, the
-- present one goes on.
--- @return boolean replaced
function Slot:replace()
  local ready
  local worker = start(self, function(ok) ready = ok end)
  while ready == nil do co.sleep(10) end
  if self.stopping then
    say(worker, "stop")
    return false
  end
  if not ready then return false end
  local old = self.worker
  self.worker = worker
  if old then say(old, "stop") end
  return true
end

function Slot:keys_changed()
  for worker in pairs(self.workers) do say(worker, self.how.keys()) end
end

--- Tells the worker to end, and gives up the socket.
function Slot:stop()
  if self.stopping then return end
  self.stopping = true
  self.tcp:close()
  if self.timer then self.timer:close() end
  if self.worker then say(self.worker, "stop") end
end

return Slot
