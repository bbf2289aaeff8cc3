-- The PROXY protocol, version 2, in front of a tls.Server: a balancer says in a header before the ClientHello whose
-- connection it is (docs/scaling.md). Version 1 is refused: a text that anybody can type, and that is of no use to who
-- can send version 2.
local uv = require "luv"
local net = require "tls.net"

local SIGNATURE = "\13\10\13\10\0\13\10QUIT\10"
local FIXED = 16 -- bytes: signature, version and command, family, length
local LONGEST = 4096 -- bytes in all, ours; the length could say 65551
local PATIENCE = 5000 -- ms until the header is there, all of it

local proxy = {}

local function number(text, at) -- of two bytes
  local high, low = text:byte(at, at + 1)
  return 256 * high + low
end

local function ipv4(text, at) return table.concat({ text:byte(at, at + 3) }, ".") end

local function ipv6(text, at)
  local groups = {}
  for i = at, at + 15, 2 do groups[#groups + 1] = ("%x"):format(number(text, i)) end
  return table.concat(groups, ":")
end

-- Byte of family and protocol -> bytes of both addresses, the client.
local FAMILIES = {
  [0x00] = { 0, function() return {} end }, -- the balancer does not know
  [0x11] = { 12, function(text) return { address = ipv4(text, FIXED + 1), port = number(text, FIXED + 9) } end },
  [0x21] = { 36, function(text) return { address = ipv6(text, FIXED + 1), port = number(text, FIXED + 33) } end },
  [0x31] = { 216, function() return { address = "a unix socket" } end },
}

-- What follows the addresses: type (1), length (2), value. None of it is used.
local function vectors_fit(text, at, last)
  while at + 2 <= last do at = at + 3 + number(text, at + 1) end
  return at == last + 1
end

local function read_client(text, size)
  local family = FAMILIES[text:byte(14)]
  if not family then return nil, ("no stream of a family that is known: 0x%02x"):format(text:byte(14)) end
  if size < FIXED + family[1] then return nil, "the addresses are cut off" end
  if text:byte(14) ~= 0 and not vectors_fit(text, FIXED + family[1] + 1, size) then
    return nil, "what follows the addresses does not fit"
  end
  return size, family[2](text)
end

-- Not a header of this version, as far as the bytes go.
local function foreign(text)
  if text:sub(1, 12) == SIGNATURE:sub(1, #text) then return nil end
  if ("PROXY "):sub(1, #text) == text:sub(1, 6) then return "version 1; HAProxy sends 2 by send-proxy-v2" end
  return "no PROXY header"
end

--- Reads a header at the beginning of a text.
--- @param text string
--- @return integer? size of the header; 0: there is more to come; nil: it is none
--- @return table|string|nil client { address, port }, without both if the balancer does not know; { check = true } for
---   the balancer's own connection, LOCAL. Else what is wrong
function proxy.parse(text)
  local problem = foreign(text)
  if problem then return nil, problem end
  if #text < FIXED then return 0 end
  local command, size = text:byte(13), FIXED + number(text, 15)
  if command ~= 0x20 and command ~= 0x21 then return nil, ("no such version and command: 0x%02x"):format(command) end
  if size > LONGEST then return nil, ("a header of %d bytes"):format(size) end
  if #text < size then return 0 end
  if command == 0x20 then return size, { check = true } end -- the rest is to be skipped, whatever it is
  return read_client(text, size)
end

--- Reads the header of a connection. What came behind it goes back into the socket, which is paused.
--- @param plain net.Socket new
--- @param patience integer? ms until all of it is there; PATIENCE
--- @param done fun(client: table) not called where the socket has been destroyed, with the reason
function proxy.read(plain, patience, done)
  local text, deadline = "", uv.new_timer()
  local function over() if not deadline:is_closing() then deadline:close() end end
  local function on_data(data)
    text = text .. data
    local size, client = proxy.parse(text)
    if size == 0 then return end
    over()
    plain:removeListener("data", on_data)
    if not size then return plain:destroy(client) end
    plain:pause()
    if #text > size then plain:unshift(text:sub(size + 1)) end
    done(client)
  end
  deadline:start(patience or PATIENCE, 0, function() plain:destroy "no header in time" end)
  plain:on("data", on_data)
  plain:once("end", function() -- a balancer that looks whether the port is open sends nothing at all
    if not deadline:is_closing() then plain:destroy(text ~= "" and "the header is cut off" or nil) end
  end)
  plain:once("close", over)
end

--- Who may send headers: they are believed.
--- @param list string "192.0.2.1,10.0.0.0/8,::1"
--- @return net.BlockList
function proxy.allow(list)
  local allowed = net.BlockList()
  for entry in list:gmatch "[^, ]+" do
    local address, bits = entry:match "^([^/]+)/?(%d*)$"
    local version = net.isIP(address or "")
    if version == 0 then error("no address: " .. entry, 0) end
    bits = tonumber(bits) or (version == 4 and 32 or 128)
    allowed:addSubnet(address, bits, "ipv" .. version)
  end
  return allowed
end

-- Why a connection is not let in. One that the other side has reset already has no address, and needs no reason.
local function refusal(allowed, address)
  if not address or allowed:check(address, "ipv" .. net.isIP(address)) then return nil end
  return "is no balancer"
end

--- A server to listen instead of `server`, which gets its connections when their headers have been read.
--- @param server tls.Server that does not listen
--- @param how table { allowed = proxy.allow(...), log = function(text), patience = ms or nil }
--- @return net.Server front
--- @return fun(socket: tls.TLSSocket): table? client_of what proxy.parse has said of the client
function proxy.front(server, how)
  local clients = {} -- of the connections of the balancers' that are open, by their place
  local function place(socket) return ("%s %d"):format(socket.remoteAddress or "", socket.remotePort or 0) end

  local front = net.createServer(function(plain)
    local at = place(plain)
    plain:on("error", function(err)
      if not clients[at] then how.log(("%s: %s"):format(at, tostring(err))) end -- else the tls.Server tells of it
    end)
    local reason = refusal(how.allowed, plain.remoteAddress)
    if reason or not plain.remoteAddress then return plain:destroy(reason) end
    proxy.read(plain, how.patience, function(client)
      clients[at] = client
      plain:once("close", function()
        if clients[at] == client then clients[at] = nil end
      end)
      server:emit("connection", plain)
    end)
  end)
  return front, function(socket) return clients[place(socket)] end
end

return proxy
