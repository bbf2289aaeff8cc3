-- A proxy between a client and a server, over plain luv: it passes bytes on, and what a fault says it does with them.
--
--   local proxy = require("hard.faults.proxy").new(server_port)
--   proxy:expect(client_port, faults, done)   -- as soon as the client has connected to proxy.port
--
-- faults: { ["in"] = filter, out = filter }; "in" is to the server. A filter is called for what has come:
-- filter(link, direction, bytes), and passes on what it likes by link:forward(direction, bytes).
local uv = require "luv"

local Proxy = {}
Proxy.__index = Proxy

local Link = {}
Link.__index = Link

local function direction(name, from, to) return { name = name, from = from, to = to, passed = 0 } end

local function close(handle)
  if not handle:is_closing() then handle:close() end
end

function Link:forward(way, bytes)
  if way.cut or self.closed or bytes == "" then return end
  way.passed = way.passed + #bytes
  way.to:write(bytes)
end

--- The way's other end gets a FIN, and nothing more.
function Link:cut(way)
  if way.cut or self.closed then return end
  way.cut = true
  way.to:shutdown()
end

--- The way's other end gets nothing more, not even a FIN.
function Link:stall(way) way.cut = true end

function Link:opposite(way) return way == self.inward and self.outward or self.inward end

function Link:close()
  if self.closed then return end
  self.closed = true
  close(self.client)
  close(self.server)
  self.done(self)
end

--- Both ends get an RST.
function Link:reset()
  if self.closed then return end
  for _, handle in ipairs { self.client, self.server } do
    if not handle:is_closing() and not handle:close_reset() then close(handle) end
  end
  self:close()
end

-- `from` has sent its FIN.
local function ended(self, way)
  way.ended = true
  if way.at_end then way.at_end() end
  if way.holds then return end
  self:cut(way)
  local other = self:opposite(way)
  if other.ended and not other.holds then self:close() end
end

--- A filter that has kept something back (way.holds) has passed it on.
function Link:released(way)
  way.holds = false
  if way.ended then ended(self, way) end
end

local function read(self, way, filter)
  way.from:read_start(function(err, bytes)
    if self.closed then return end
    if err then return self:reset() end
    if not bytes then return ended(self, way) end
    if self.watch then self.watch(way, bytes) end
    if filter then return filter(self, way, bytes) end
    self:forward(way, bytes)
  end)
end

--- Begins to pass bytes on.
function Link:start(faults, done)
  self.done, self.watch = done, faults.watch
  if self.failed then return self:reset() end
  read(self, self.inward, faults["in"])
  read(self, self.outward, faults.out)
end

local function meet(self, link)
  local expected = self.expected[link.port]
  if not expected or not link.connected then return end
  self.links[link.port], self.expected[link.port] = nil, nil
  link:start(expected.faults, expected.done)
end

--- @param port integer of the client's end
--- @param done fun(link) when both of the proxy's handles are being closed
function Proxy:expect(port, faults, done)
  self.expected[port] = { faults = faults, done = done }
  if self.links[port] then meet(self, self.links[port]) end
end

local function accept(self)
  local client, server = uv.new_tcp(), uv.new_tcp()
  assert(self.listener:accept(client))
  local link = setmetatable({ client = client, server = server, port = client:getpeername().port }, Link)
  link.inward, link.outward = direction("in", client, server), direction("out", server, client)
  self.links[link.port] = link
  server:connect("127.0.0.1", self.to, function(err)
    link.connected, link.failed = true, err
    meet(self, link)
  end)
  link.upstream = server:getsockname().port
  if self.on_upstream then self.on_upstream(link) end
end

function Proxy:close() self.listener:close() end

--- @param to integer the server's port
--- @param host_port? integer where to listen, by default any
local function new(to, host_port)
  local self = setmetatable({ to = to, links = {}, expected = {}, listener = uv.new_tcp() }, Proxy)
  assert(self.listener:bind("127.0.0.1", host_port or 0))
  assert(self.listener:listen(1024, function(err)
    assert(not err, err)
    accept(self)
  end))
  self.port = self.listener:getsockname().port
  return self
end

return { new = new }
