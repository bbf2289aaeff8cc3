-- LuaSec: load.c's protocol.   lua5.4 bench/servers/luasec.lua CERT KEY
--
-- It blocks, so something has to take turns; Debian's copas is too old to know
-- LuaSec, so here it is socket.select and a coroutine for each connection, which
-- is what copas does too. select() ends at 1,024 descriptors.
local socket = require "socket"
local ssl = require "ssl"

local context = assert(ssl.newcontext {
  mode = "server", protocol = "any", certificate = arg[1], key = arg[2], options = { "all", "no_sslv3" },
})

local reading, writing = {}, {} -- sequences of sockets, as select wants them
local threads = {}

local function add(list, s)
  list[#list + 1] = s
  list[s] = #list
end

local function remove(list, s)
  local at = list[s]
  if not at then return end
  local n = #list
  local last = list[n] -- may be s itself: one assignment after the other
  list[at], list[last] = last, at
  list[n], list[s] = nil, nil
end

local function wait(s, why)
  local list = (why == "wantwrite" or why == "timeout write") and writing or reading
  add(list, s)
  coroutine.yield()
  remove(list, s)
end

local function receive(s)
  while true do
    local data, why, part = s:receive(65536)
    data = data or part
    if data and #data > 0 then return data end
    if why == "closed" or why ~= "wantread" and why ~= "wantwrite" and why ~= "timeout" then return nil end
    wait(s, why)
  end
end

local function send(s, data)
  local at = 1
  while at <= #data do
    local last, why, part = s:send(data, at)
    at = (last or part) + 1
    if not last then
      if why == "closed" then return nil end
      wait(s, why == "timeout" and "timeout write" or why)
    end
  end
  return true
end

local function serve(s)
  while true do
    local ok, why = s:dohandshake()
    if ok then break end
    if why ~= "wantread" and why ~= "wantwrite" and why ~= "timeout" then return end
    wait(s, why)
  end
  local text = ""
  while not text:find "\n" do
    local data = receive(s)
    if not data then return end
    text = text .. data
  end
  local word, size = text:match "^(%u+) ?(%d*)\n"
  if word == "GET" then
    local piece = ("x"):rep(tonumber(size))
    while send(s, piece) do end
    return
  end
  local rest = text:match "\n(.+)"
  if rest and word == "ECHO" then send(s, rest) end
  while true do
    local data = receive(s)
    if not data or word == "ECHO" and not send(s, data) then return end
  end
end

local function resume(s)
  local ok = coroutine.resume(threads[s])
  if ok and coroutine.status(threads[s]) ~= "dead" then return end
  remove(reading, s)
  remove(writing, s)
  threads[s] = nil
  s:close()
end

local function accept(server)
  local plain = server:accept()
  if not plain then return end
  plain:setoption("tcp-nodelay", true)
  local s = ssl.wrap(plain, context)
  s:settimeout(0)
  threads[s] = coroutine.create(function() serve(s) end)
  resume(s)
end

local server = assert(socket.bind("127.0.0.1", 0, 511))
local _, port = server:getsockname()
server:settimeout(0)
add(reading, server)
print(math.floor(port))
io.stdout:flush()
while true do
  local readable, writable = socket.select(reading, writing)
  for _, s in ipairs(readable) do
    if s == server then accept(s) else resume(s) end
  end
  for _, s in ipairs(writable) do
    if threads[s] then resume(s) end
  end
end
