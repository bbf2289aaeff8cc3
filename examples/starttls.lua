-- STARTTLS as mail servers do it (RFC 3207), both ends: a plain connection that
-- turns into TLS after a word or two.
--
--   lua5.4 examples/starttls.lua serve PORT cert.pem key.pem
--   lua5.4 examples/starttls.lua send HOST:PORT ca.pem FROM TO <message
--
-- The server prints the mail it gets, and takes none without TLS. Others can
-- talk to it as well:
--
--   openssl s_client -connect localhost:2525 -starttls smtp
--   curl --ssl-reqd smtp://localhost:2525 --mail-from a@b --mail-rcpt c@d -T mail
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local LONGEST = 1000 -- bytes in a line (RFC 5321, 4.5.3.1.6)
local MOST = 10000 -- lines of a mail

local function fail(problem)
  io.stderr:write("starttls.lua: " .. tostring(problem) .. "\n")
  os.exit(1)
end

--- Give each line of a socket's to on_line, until that returns a function: what
-- comes next. What came behind that line goes back into the socket first: there
-- it is the beginning of the TLS records, and nothing else. So nobody can slip in
-- a command before the handshake that is obeyed after it.
local function lines(socket, on_line)
  local text = ""
  local function on_data(data)
    text = text .. data
    local at, stop = 1, text:find("\n", 1, true) -- looked for where it is: no line costs a copy of all behind it
    while stop and not socket.destroyed do
      local line = text:sub(at, stop - 1):gsub("\r$", "")
      at = stop + 1
      local next_thing = on_line(line)
      if next_thing then
        socket:removeListener("data", on_data)
        socket:pause()
        if at <= #text then socket:unshift(text:sub(at)) end
        return next_thing()
      end
      stop = text:find("\n", at, true)
    end
    text = text:sub(at)
    if #text > LONGEST then socket:destroy "a line without end" end
  end
  socket:on("data", on_data)
end

--- === the server ===

local function say(socket, ...)
  socket:write(table.concat({ ... }, "\r\n") .. "\r\n")
end

--- The commands before TLS. Answers whether TLS begins.
local function plain_command(socket, line)
  local word = line:upper():match "^(%u+)"
  if word == "EHLO" then
    say(socket, "250-at your service", "250 STARTTLS")
  elseif word == "STARTTLS" then
    say(socket, "220 go ahead")
    return true
  elseif word == "QUIT" then
    socket:finish "221 bye\r\n"
  elseif word == "NOOP" or word == "HELO" then
    say(socket, "250 ok")
  else
    say(socket, "530 must issue a STARTTLS command first")
  end
  return false
end

local ANSWERS = { EHLO = "250 at your service", HELO = "250 ok", MAIL = "250 ok", RCPT = "250 ok", NOOP = "250 ok",
  RSET = "250 ok", DATA = "354 end with a dot" }

--- Mail is not to control the terminal that it is printed on.
local function printable(text) return (text:gsub("%c", "?")) end

local function deliver(from, mail)
  print(("mail over TLS from %s, %d lines"):format(printable(from), #mail))
  for _, line in ipairs(mail) do print("  " .. printable(line)) end
end

--- The conversation behind the handshake.
local function secure_talk(socket)
  local from, mail = "?", nil
  lines(socket, function(line)
    if mail and line ~= "." then
      mail[#mail + 1] = line:gsub("^%.%.", ".")
      if #mail > MOST then socket:destroy "a mail without end" end
    elseif mail then
      deliver(from, mail)
      mail = nil
      say(socket, "250 taken")
    else
      local word = line:upper():match "^(%u+)"
      if word == "MAIL" then from = line:match "<(.-)>" or "?" end
      if word == "DATA" then mail = {} end
      if word == "QUIT" then socket:finish "221 bye\r\n" else say(socket, ANSWERS[word] or "502 no such command") end
    end
  end)
end

local function serve(port, cert, key)
  -- It listens nowhere: the connections are handed to it.
  local ok, secure = pcall(tls.createServer, {
    cert = { file = cert }, key = { file = key }, handshakeTimeout = 10000,
  }, function(socket)
    socket:on("error", function(err) io.stderr:write(tostring(err), "\n") end)
    secure_talk(socket)
  end)
  if not ok then fail(secure) end
  secure:on("tlsClientError", function(err, socket)
    io.stderr:write("no TLS: ", socket.remoteAddress or "?", ": ", tostring(err), "\n")
  end)

  local server = net.createServer(function(socket)
    socket:on("error", function(err) io.stderr:write(tostring(err), "\n") end)
    socket:setTimeout(60000, function() socket:destroy() end)
    say(socket, "220 localhost ESMTP")
    lines(socket, function(line)
      if not plain_command(socket, line) then return nil end
      return function() secure:emit("connection", socket) end
    end)
  end)
  server:on("error", fail)
  server:listen(tonumber(port), function()
    print("listening on port " .. server:address().port)
    io.stdout:setvbuf "line"
    io.stdout:flush()
  end)
end

--- === the client ===

--- Send commands one after the other, each when the one before was answered
-- with the status expected. done() after the last.
local function converse(socket, steps, done)
  local at = 1
  lines(socket, function(line)
    local status, more = line:match "^(%d%d%d)(.?)"
    if more == "-" then return nil end -- more lines of the same answer
    local step = steps[at]
    if status ~= step.expect then
      return function()
        socket:destroy(("'%s' in answer to %s"):format(line, step.send or "connecting"))
      end
    end
    at = at + 1
    if not steps[at] then return done end
    if steps[at].send then socket:write(steps[at].send .. "\r\n") end
  end)
end

--- A line that is a dot would end the mail too early (RFC 5321, 4.5.2).
local function stuffed(message)
  local text = message:gsub("\r?\n", "\r\n"):gsub("^%.", ".."):gsub("\n%.", "\n..")
  return text:gsub("\r\n$", "") .. "\r\n."
end

local function send(place, ca, from, to)
  local message = io.read "*a"
  local host, port = place:match "^(.-):(%d+)$"
  if not host then fail("not HOST:PORT: " .. place) end
  local plain = net.connect(tonumber(port), host)
  local function give_up() fail "the server says nothing any more" end
  plain:on("error", fail)
  plain:setTimeout(60000, give_up)
  converse(plain, {
    { expect = "220" }, { send = "EHLO localhost", expect = "250" }, { send = "STARTTLS", expect = "220" },
  }, function()
    local socket
    socket = tls.connect({ socket = plain, host = host, ca = { file = ca } }, function()
      print("secure: " .. socket:getProtocol() .. ", " .. socket:getPeerCertificate().subject.CN)
      socket:write "EHLO localhost\r\n"
      converse(socket, {
        { expect = "250" }, { send = "MAIL FROM:<" .. from .. ">", expect = "250" },
        { send = "RCPT TO:<" .. to .. ">", expect = "250" }, { send = "DATA", expect = "354" },
        { send = stuffed(message), expect = "250" }, { send = "QUIT", expect = "221" },
      }, function()
        print "sent"
        socket:finish()
        socket:resume()
      end)
    end)
    socket:on("error", fail)
    socket:setTimeout(60000, give_up)
  end)
end

if arg[1] == "serve" and arg[4] and arg[2]:find "^%d+$" and tonumber(arg[2]) <= 65535 then
  serve(arg[2], arg[3], arg[4])
elseif arg[1] == "send" and arg[5] then
  send(arg[2], arg[3], arg[4], arg[5])
else
  fail "usage: starttls.lua serve PORT cert.pem key.pem | starttls.lua send HOST:PORT ca.pem FROM TO"
end
uv.run()
