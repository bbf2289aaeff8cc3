-- Hands a mail in, as mail programs do (RFC 6409): STARTTLS, then AUTH, then the mail (docs/cookbook.md).
--
--   SMTP_PASSWORD=... lua5.4 examples/smtp_send.lua [--ca FILE] [--user NAME] [--deadline SECONDS] \
--     HOST:PORT FROM TO <message
--
-- Neither the password nor the mail ever goes out without TLS: a server that does not offer STARTTLS, or somebody on
-- the way who takes the offer out, gets nothing.
local uv = require "luv"
local co = require "tls.co"

local bytes = dofile((arg[0]:match "^.*/" or "") .. "bytes.lua")

local LINE_LIMIT = 2048 -- bytes of a line of an answer
local LINES = 100 -- lines of an answer
local DEADLINE = 300 -- s, for all of it

local function fail(problem)
  io.stderr:write("smtp_send.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

--- The lines of an answer, without the code. Throws if its code is another than what is expected.
local function answer(socket, expected, to)
  local lines = {}
  repeat
    local line, err = socket:read_until("\r\n", LINE_LIMIT)
    if not line then error(err or ("the server has closed the connection, after " .. to), 0) end
    local code, more, text = line:match "^(%d%d%d)([ -]?)(.*)$"
    if code ~= expected or #lines == LINES then error(("'%s' is the answer to %s"):format(line, to), 0) end
    lines[#lines + 1] = text
  until more ~= "-"
  return lines
end

--- Sends a command and reads its answer. An error must not show the password: `name` stands in its place.
local function command(socket, text, expected, name)
  socket:write(text, "\r\n")
  return answer(socket, expected, name or text)
end

--- What the server can do: { STARTTLS = "", AUTH = "PLAIN LOGIN", ... }
local function greet(socket)
  local abilities = {}
  for _, line in ipairs(command(socket, "EHLO localhost", "250")) do
    local word, rest = line:match "^(%S+) ?(.*)$"
    if word then abilities[word:upper()] = rest end
  end
  return abilities
end

local function log_in(socket, abilities, user, password)
  local ways = " " .. (abilities.AUTH or ""):upper() .. " "
  if not ways:find(" PLAIN ", 1, true) then error("the server does not offer AUTH PLAIN", 0) end
  command(socket, "AUTH PLAIN " .. bytes.base64("\0" .. user .. "\0" .. password), "235", "AUTH")
end

--- Lines end with CR LF; one that is a dot would end the mail too early (RFC 5321, 4.5.2).
local function stuffed(message)
  local text = message:gsub("\r\n?", "\n"):gsub("^%.", ".."):gsub("\n%.", "\n.."):gsub("\n", "\r\n")
  return text:gsub("\r\n$", "") .. "\r\n."
end

--- In a task. Throws what goes wrong.
--- mail: { host, port, ca, user, password, from, to, message }
local function send(mail)
  local socket, err = co.connect { host = mail.host, port = mail.port, plain = true }
  if not socket then error(err, 0) end
  answer(socket, "220", "connecting")
  if not greet(socket).STARTTLS then error("the server does not offer STARTTLS: nothing was sent", 0) end
  command(socket, "STARTTLS", "220")
  socket, err = socket:starttls { ca = mail.ca and { file = mail.ca } } -- what came too early is no answer
  if not socket then error(err, 0) end
  local abilities = greet(socket) -- anew: anybody could have written the first ones
  if mail.user then log_in(socket, abilities, mail.user, mail.password) end
  command(socket, "MAIL FROM:<" .. mail.from .. ">", "250")
  command(socket, "RCPT TO:<" .. mail.to .. ">", "250")
  command(socket, "DATA", "354")
  command(socket, stuffed(mail.message), "250", "the mail")
  socket:write "QUIT\r\n" -- the mail is theirs now, whatever they answer: who sends it once more sends it twice
  return socket.stream:getProtocol()
end

--- === the program ===

local USAGE = "usage: smtp_send.lua [--ca FILE] [--user NAME] [--deadline SECONDS] HOST:PORT FROM TO <message"
local OPTIONS = { ["--ca"] = "ca", ["--user"] = "user", ["--deadline"] = "deadline" }

local function options_of(words)
  local mail, i = { password = os.getenv "SMTP_PASSWORD", deadline = tostring(DEADLINE) }, 1
  while OPTIONS[words[i]] do
    mail[OPTIONS[words[i]]] = words[i + 1]
    i = i + 2
  end
  mail.host, mail.port = (words[i] or ""):match "^%[?([^%]]+)%]?:(%d+)$"
  mail.from, mail.to = words[i + 1], words[i + 2]
  if #words ~= i + 2 or not mail.host or not mail.deadline:find "^%d%d?%d?%d?%d?$" then fail(USAGE) end
  for _, address in ipairs { mail.from, mail.to } do -- they must not end the command that they stand in
    if address:find "[%c%s<>]" then fail("not an address: " .. address) end
  end
  if mail.user and not mail.password then fail "the password has to be in the environment, as SMTP_PASSWORD" end
  return mail
end

local mail = options_of(arg)
mail.message = io.read "*a"
co.run(function()
  local task = co.run(send, mail)
  local protocol, err = task:wait(mail.deadline * 1000)
  if task.status == "waiting" then fail(("the mail was not taken in %d seconds"):format(mail.deadline)) end
  if not protocol then fail(err) end
  print("sent, over " .. protocol)
end)
uv.run()
