-- PostgreSQL over TLS, by a client certificate: asks for TLS in the clear as libpq does (SSLRequest), or begins with it
-- (`direct`: PostgreSQL 17, sslnegotiation=direct). Runs one query and prints its rows. It does not know passwords.
--
--   lua5.4 examples/postgres.lua ask|direct HOST:PORT DATABASE USER ca.pem cert.pem key.pem QUERY
--
-- There is no way back to plain text: a server that answers 'N', or somebody in between who does, gets nothing more.
local uv = require "luv"
local co = require "tls.co"

local SSL_REQUEST, VERSION_3 = 80877103, 196608
local PATIENCE = 10000 -- ms, for each answer
local LONGEST = 1048576 -- bytes of a message that we take

local function fail(problem)
  io.stderr:write("postgres.lua: ", tostring(problem):gsub("%c", "?"), "\n")
  os.exit(1)
end

local function check(value, err)
  if not value then fail(err or "the server has ended the connection") end
  return value
end

local function int32(number)
  local bytes = {}
  for i = 4, 1, -1 do
    bytes[i] = string.char(number % 256)
    number = math.floor(number / 256)
  end
  return table.concat(bytes)
end

local function number_at(text, at, size)
  local number = 0
  for i = at, at + size - 1 do number = number * 256 + (text:byte(i) or fail "a message that is too short") end
  return number
end

local function with_size(text) return int32(#text + 4) .. text end

--- The next message: its type, and what it says.
local function read_message(socket)
  local head = check(socket:read(5))
  local size = number_at(head, 2, 4) - 4
  if size < 0 or size > LONGEST then fail "this is no message of PostgreSQL's" end
  return head:sub(1, 1), size == 0 and "" or check(socket:read(size))
end

--- === TLS ===

--- One byte answers; what comes behind it is the handshake's, whoever has sent it: `starttls` takes it as nothing else.
local function ask_for_tls(place, secure)
  local socket = check(co.connect { host = place.host, port = place.port, plain = true, timeout = PATIENCE })
  check(socket:write(with_size(int32(SSL_REQUEST))))
  local answer = check(socket:read(1))
  if answer == "N" then fail "this server has no TLS" end
  if answer ~= "S" then fail "this is no PostgreSQL server, or it refuses us" end
  return check(socket:starttls(secure))
end

--- What begins at once has to be meant for PostgreSQL, which ALPN says.
local function begin_with_tls(place, secure)
  secure.host, secure.port, secure.timeout = place.host, place.port, PATIENCE
  local socket = check(co.connect(secure))
  if socket.stream.alpnProtocol ~= "postgresql" then fail "the server does not say that it is PostgreSQL" end
  return socket
end

--- === the conversation ===

--- What 'E' says: fields of a letter and a text each, of which M is for people.
local function message_of(fields)
  for kind, text in fields:gmatch "(%a)([^%z]*)%z" do
    if kind == "M" then return text end
  end
  return "an error without a message"
end

local function log_in(socket, user, database)
  check(socket:write(with_size(int32(VERSION_3) .. ("user\0%s\0database\0%s\0\0"):format(user, database))))
  while true do
    local kind, text = read_message(socket)
    if kind == "E" then fail(message_of(text)) end
    if kind == "R" and number_at(text, 1, 4) ~= 0 then fail "the server wants a password, too" end
    if kind == "Z" then return end
  end
end

--- A row: how many columns, and each with its size, or -1 for NULL.
local function show(row)
  local columns, at = {}, 3
  for i = 1, number_at(row, 1, 2) do
    local size = number_at(row, at, 4)
    local null = size == 2 ^ 32 - 1
    columns[i] = null and "NULL" or row:sub(at + 4, at + 3 + size):gsub("%c", "?")
    at = at + 4 + (null and 0 or size)
  end
  print(table.concat(columns, "\t"))
end

local function run(socket, query)
  check(socket:write("Q", with_size(query .. "\0")))
  local problem
  while true do
    local kind, text = read_message(socket)
    if kind == "D" then show(text) end
    if kind == "E" then problem = message_of(text) end
    if kind == "Z" then return problem and fail(problem) end
  end
end

local host, port = (arg[2] or ""):match "^(.+):(%d+)$"
local opening = ({ ask = ask_for_tls, direct = begin_with_tls })[arg[1]]
if not opening or not host or not arg[8] then
  fail "usage: postgres.lua ask|direct HOST:PORT DATABASE USER ca.pem cert.pem key.pem QUERY"
end
local function main()
  local socket = opening({ host = host, port = port }, {
    ca = { file = arg[5] }, cert = { file = arg[6] }, key = { file = arg[7] }, ALPNProtocols = { "postgresql" },
  })
  log_in(socket, arg[4], arg[3])
  run(socket, arg[8])
  socket:finish("X", with_size "") -- Terminate
end

co.run(function()
  local ok, problem = co.pcall(main)
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
