-- Redis over TLS: sends the commands of its standard input, one a line with blanks between words, all at once, and
-- prints the answers in their order.
--
--   REDIS_PASSWORD=... lua5.4 examples/redis.lua HOST:PORT ca.pem [SECONDS] <commands
--
-- REDIS_USER names another user than "default". Neither is an argument: everybody on the machine sees those.
-- SECONDS, 30 unless you say so, are for all of it.
local uv = require "luv"
local co = require "tls.co"

local bytes = dofile((arg[0]:match "^.*/" or "") .. "bytes.lua")

local LONGEST = 16777216 -- bytes of an answer that we take
local EACH = 128 -- bytes that each part of it counts beside its text: a list of nothing takes memory, too
local DEEPEST = 8 -- lists in lists

local function fail(problem)
  io.stderr:write("redis.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

--- A command in Redis's protocol: each word with its length, so that it may hold anything.
local function encode(words)
  local parts = { ("*%d\r\n"):format(#words) }
  for _, word in ipairs(words) do parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word) end
  return table.concat(parts)
end

--- How long a text or a list is that is announced; false for none.
local function size_of(line, answer)
  if line == "-1" then return false end
  local size = line:find "^%d+$" and tonumber(line)
  if not size or size > answer.room then fail "an answer that is too long, or none" end
  return size
end

local function read_text(answer, line)
  local size = size_of(line, answer)
  if not size then return { nothing = true } end
  answer.room = answer.room - size
  local text = bytes.read(answer.socket, size + 2)
  if text:sub(-2) ~= "\r\n" then fail "a text is longer than it says" end
  return { text = text:sub(1, size) }
end

local read_part

local function read_list(answer, line, depth)
  local size = size_of(line, answer)
  if not size then return { nothing = true } end
  if depth > DEEPEST then fail "lists in lists without end" end
  local list = {}
  for i = 1, size do list[i] = read_part(answer, depth + 1) end
  return { list = list }
end

local READERS = {
  ["+"] = function(_, line) return { text = line } end,
  ["-"] = function(_, line) return { problem = line } end,
  [":"] = function(_, line) return { text = line } end,
  ["$"] = read_text, ["*"] = read_list,
}

--- @param answer table { socket, room = bytes that the rest of it may have }
function read_part(answer, depth)
  local line = bytes.check(answer.socket:read_until "\r\n")
  local reader = READERS[line:sub(1, 1)]
  if not reader then fail "this is no answer of Redis's" end
  answer.room = answer.room - EACH - #line
  if answer.room < 0 then fail "an answer that is too long" end
  return reader(answer, line:sub(2), depth)
end

local function read_answer(socket) return read_part({ socket = socket, room = LONGEST }, 0) end

local function show(answer, indent)
  if not answer.list then
    local text = answer.nothing and "(nil)" or answer.problem and "(error) " .. answer.problem or answer.text
    return print(indent .. text:gsub("%c", "?")) -- not to control the terminal
  end
  print(indent .. "(" .. #answer.list .. ")")
  for _, each in ipairs(answer.list) do show(each, indent .. "  ") end
end

local function connect(host, port, ca)
  local socket = bytes.check(co.connect { host = host, port = port, ca = { file = ca } })
  local password, user = os.getenv "REDIS_PASSWORD", os.getenv "REDIS_USER"
  if user and not password then fail "REDIS_USER without REDIS_PASSWORD" end
  if password then
    bytes.check(socket:write(encode { "AUTH", user or "default", password }))
    local answer = read_answer(socket)
    if answer.text ~= "OK" then fail(answer.problem or "no answer to AUTH") end
  end
  return socket
end

local function read_commands()
  local list = {}
  for line in io.lines() do
    local words = {}
    for word in line:gmatch "%S+" do words[#words + 1] = word end
    if words[1] then list[#list + 1] = encode(words) end
  end
  return list
end

local function run(host, port, commands)
  local socket, failed = connect(host, port, arg[2]), false
  -- In a task of its own: who only writes, while the answers pile up, may wait for the other for ever.
  co.run(function() socket:write(table.concat(commands)) end)
  for _ = 1, #commands do
    local answer = read_answer(socket)
    failed = failed or answer.problem ~= nil
    show(answer, "")
  end
  socket:close()
  return failed and 1 or 0
end

local host, port = (arg[1] or ""):match "^%[?([^%]]+)%]?:(%d+)$"
local seconds = arg[3] or "30"
if not host or not arg[2] or not seconds:find "^[1-9]%d?%d?%d?$" then
  fail "usage: redis.lua HOST:PORT ca.pem [SECONDS] <commands"
end
co.run(function()
  local task = co.run(run, host, port, read_commands())
  local status, problem = task:wait(seconds * 1000)
  if task.status == "waiting" then fail(("no answer in %d seconds"):format(seconds)) end
  if not status then fail(problem) end
  os.exit(status)
end)
uv.run()
