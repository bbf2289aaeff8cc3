-- PostgreSQL over TLS, by a client certificate: asks for TLS in the clear as libpq does (SSLRequest), or begins with it
-- (`direct`: PostgreSQL 17, sslnegotiation=direct). Runs one query and prints its rows. It does not know passwords.
--
--   lua5.4 examples/postgres.lua ask|direct HOST:PORT DATABASE USER ca.pem cert.pem key.pem QUERY [SECONDS]
--
-- There is no way back to plain text: a server that answers 'N', or somebody in between who does, gets nothing more.
-- SECONDS, 30 unless you say so, are for all of it.
local uv = require "luv"
local co = require "tls.co"

local bytes = dofile((arg[0]:match "^.*/" or "") .. "bytes.lua")

local SSL_REQUEST, VERSION_3 = 80877103, 196608
local LONGEST = 1048576 -- bytes of a message that we take
local LOGINS = { [3] = "password", [5] = "md5", [7] = "gss", [9] = "sspi", [10] = "scram-sha-256" }

local function fail(problem)
  io.stderr:write("postgres.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

--- === messages ===

local function with_size(text) return bytes.encode(#text + 4, 4) .. text end

--- The number in so many bytes of a message.
local function number_at(text, at, size)
  return bytes.decode(text, at, size) or fail "a message that is too short"
end

--- The next message: its type, and what it says.
local function read_message(socket)
  local head = bytes.read(socket, 5)
  local size = number_at(head, 2, 4) - 4
  if size < 0 or size > LONGEST then fail "this is no message of PostgreSQL's, or it is too long" end
  return head:sub(1, 1), bytes.read(socket, size)
end

--- What 'E' says: fields of a letter and a text each, of which M is for people.
local function message_of(fields)
  for kind, text in fields:gmatch "(%a)([^%z]*)%z" do
    if kind == "M" then return text end
  end
  return "an error without a message"
end

--- === TLS ===

--- One byte answers; what comes behind it is the handshake's, whoever has sent it: `starttls` takes it as nothing else.
local function ask_for_tls(secure)
  local socket = bytes.check(co.connect { host = secure.host, port = secure.port, plain = true })
  bytes.check(socket:write(with_size(bytes.encode(SSL_REQUEST, 4))))
  local answer = bytes.read(socket, 1)
  if answer == "N" then fail "this server has no TLS" end
  if answer ~= "S" then fail "this is no PostgreSQL server, or it refuses us" end
  secure.port = nil -- there is a connection
  return bytes.check(socket:starttls(secure))
end

--- What begins at once has to be meant for PostgreSQL, which ALPN says.
local function begin_with_tls(secure)
  local socket = bytes.check(co.connect(secure))
  if socket.stream.alpnProtocol ~= "postgresql" then fail "the server does not say that it is PostgreSQL" end
  return socket
end

--- === the conversation ===

local function log_in(socket, user, database)
  local settings = ("user\0%s\0database\0%s\0\0"):format(user, database)
  bytes.check(socket:write(with_size(bytes.encode(VERSION_3, 4) .. settings)))
  repeat
    local kind, text = read_message(socket)
    local login = kind == "R" and number_at(text, 1, 4) or 0
    if kind == "E" then fail(message_of(text)) end
    if login ~= 0 then fail("the server wants a password, too: " .. (LOGINS[login] or login)) end
  until kind == "Z"
end

--- A row: how many columns, and each with its size, or -1 for NULL.
local function show(row)
  local columns, at = {}, 3
  for i = 1, number_at(row, 1, 2) do
    local size = number_at(row, at, 4)
    local null = size == 2 ^ 32 - 1
    at = at + 4 + (null and 0 or size)
    if at > #row + 1 then fail "a message that is too short" end
    columns[i] = null and "NULL" or row:sub(at - size, at - 1):gsub("%c", "?")
  end
  print(table.concat(columns, "\t"))
end

local function run(socket, query)
  bytes.check(socket:write("Q", with_size(query .. "\0")))
  repeat
    local kind, text = read_message(socket)
    if kind == "D" then show(text) end
    if kind == "E" then fail(message_of(text)) end
    if kind == "G" then fail "this program has no data for COPY" end
  until kind == "Z"
  bytes.check(socket:finish("X", with_size "")) -- Terminate
end

local host, port = (arg[2] or ""):match "^%[?([^%]]+)%]?:(%d+)$"
local opening, seconds = ({ ask = ask_for_tls, direct = begin_with_tls })[arg[1]], arg[9] or "30"
if not opening or not host or not arg[8] or not seconds:find "^[1-9]%d?%d?%d?$" then
  fail "usage: postgres.lua ask|direct HOST:PORT DATABASE USER ca.pem cert.pem key.pem QUERY [SECONDS]"
end
co.run(function()
  local task = co.run(function()
    local socket = opening {
      host = host, port = port, ca = { file = arg[5] }, cert = { file = arg[6] }, key = { file = arg[7] },
      ALPNProtocols = { "postgresql" },
    }
    log_in(socket, arg[4], arg[3])
    run(socket, arg[8])
  end)
  local _, problem = task:wait(seconds * 1000)
  if task.status == "waiting" then fail(("no answer in %d seconds"):format(seconds)) end
  if task.status == "failed" then fail(problem) end
end)
uv.run()
