-- Redis over TLS: sends the commands of its standard input, one a line with blanks between words, all at once, and
-- prints the answers in their order.
--
--   REDIS_PASSWORD=... lua5.4 examples/redis.lua HOST:PORT ca.pem <commands
--
-- REDIS_USER names another user than "default". Neither is an argument: everybody on the machine sees those.
local uv = require "luv"
local co = require "tls.co"

local PATIENCE = 10000 -- ms, for each answer
local LONGEST = 16777216 -- bytes of a text that we take
local DEEPEST = 8 -- lists in lists

local function fail(problem)
  io.stderr:write("redis.lua: ", tostring(problem), "\n")
  os.exit(1)
end

local function check(value, err)
  if not value then fail(err or "the server has ended the connection") end
  return value
end

--- A command in Redis's protocol: each word with its length, so that it may hold anything.
local function encode(words)
  local parts = { ("*%d\r\n"):format(#words) }
  for _, word in ipairs(words) do parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word) end
  return table.concat(parts)
end

local function size_of(line, most)
  local size = line:find "^%-?%d+$" and tonumber(line)
  if not size or size > most or size < -1 then fail "an answer that is too long, or none" end
  return size
end

local function read_text(socket, line)
  local size = size_of(line, LONGEST)
  if size < 0 then return { nothing = true } end
  local text = check(socket:read(size + 2))
  if #text < size + 2 then fail "the server has ended the connection" end
  return { text = text:sub(1, size) }
end

local read_answer

local function read_list(socket, line, depth)
  local size = size_of(line, LONGEST)
  if size < 0 then return { nothing = true } end
  if depth > DEEPEST then fail "lists in lists without end" end
  local list = {}
  for i = 1, size do list[i] = read_answer(socket, depth + 1) end
  return { list = list }
end

local READERS = {
  ["+"] = function(_, line) return { text = line } end,
  ["-"] = function(_, line) return { problem = line } end,
  [":"] = function(_, line) return { text = line } end,
  ["$"] = read_text, ["*"] = read_list,
}

function read_answer(socket, depth)
  local line = check(socket:read_until "\r\n")
  local reader = READERS[line:sub(1, 1)]
  if not reader then fail "this is no answer of Redis's" end
  return reader(socket, line:sub(2), depth)
end

local function show(answer, indent)
  if not answer.list then
    local text = answer.nothing and "(nil)" or answer.problem and "(error) " .. answer.problem or answer.text
    return print(indent .. text:gsub("%c", "?")) -- not to control the terminal
  end
  print(indent .. "(" .. #answer.list .. ")")
  for _, each in ipairs(answer.list) do show(each, indent .. "  ") end
end

local function connect(host, port, ca)
  local socket = check(co.connect { host = host, port = port, ca = { file = ca }, timeout = PATIENCE })
  local password, user = os.getenv "REDIS_PASSWORD", os.getenv "REDIS_USER"
  if user and not password then fail "REDIS_USER without REDIS_PASSWORD" end
  if password then
    check(socket:write(encode { "AUTH", user or "default", password }))
    local answer = read_answer(socket, 0)
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

local host, port = (arg[1] or ""):match "^(.+):(%d+)$"
if not host or not arg[2] or arg[3] then fail "usage: redis.lua HOST:PORT ca.pem <commands" end
local commands = read_commands()

local function main()
  local socket, failed = connect(host, port, arg[2]), false
  -- In a task of its own: who only writes, while the answers pile up, may wait for the other for ever.
  co.run(function() check(socket:write(table.concat(commands))) end)
  for _ = 1, #commands do
    local answer = read_answer(socket, 0)
    failed = failed or answer.problem ~= nil
    show(answer, "")
  end
  socket:close()
  if failed then os.exit(1) end
end

co.run(function()
  local ok, problem = co.pcall(main)
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
