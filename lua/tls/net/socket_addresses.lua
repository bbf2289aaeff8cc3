--- Internal. net.Socket's addresses, local and remote, which are read from the handle once. Mixed into tls.net.socket.
-- @module tls.net.socket_addresses

local usable = require("tls.support.luv_handles").usable

local methods, getters = {}, {}

local function plain(address)
  if not address then return nil end
  return {
    address = address.ip,
    port = address.port,
    family = address.family == "inet6" and "IPv6" or "IPv4",
  }
end

--- Reads both ends' addresses from the handle, once: {here, there}, each {address, port, family} or nil. {} when there
-- is no handle, and they were not read before.
function methods:_learn_addresses()
  local handle = self._handle
  if self._known_addresses then return self._known_addresses end
  if not usable(handle) or not handle.getpeername then return {} end
  local ok, here = pcall(handle.getsockname, handle)
  local fine, there = pcall(handle.getpeername, handle)
  self._known_addresses = {
    here = ok and type(here) == "table" and plain(here) or nil,
    there = fine and type(there) == "table" and plain(there) or nil,
  }
  return self._known_addresses
end

--- The same; a destroyed socket knows the other end's alone, as in Node.
function methods:_addresses()
  local known = self:_learn_addresses()
  return self.destroyed and { there = known.there } or known
end

--- The address of this end. Source: Node's socket.address.
--- @return {address: string, port: integer, family: 'IPv4'|'IPv6'}|{}
function methods:address()
  return self:_addresses().here or {}
end

local function field(which, name)
  return function(self)
    local place = self:_addresses()[which]
    return place and place[name]
  end
end

getters.localAddress = field("here", "address")
getters.localPort = field("here", "port")
getters.localFamily = field("here", "family")
getters.remoteAddress = field("there", "address")
getters.remotePort = field("there", "port")
getters.remoteFamily = field("there", "family")

return { methods = methods, getters = getters }
