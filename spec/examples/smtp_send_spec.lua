-- examples/smtp_send.lua with aiosmtpd, and with servers that cannot be trusted.
require "spec.helper"
local certs = require "spec.support.certs"
local command = require "spec.support.command"
local tasks = require "spec.support.tasks"

local LUA = os.getenv "LUA" or "lua5.4"
local PYTHON = "/usr/bin/python3" -- Debian's, which has the package python3-aiosmtpd

local AIOSMTPD = [[
import asyncio, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
cert, key, auth = sys.argv[1:]
class Handler:
    async def handle_DATA(self, server, session, envelope):
        print("mail", envelope.mail_from, envelope.rcpt_tos, session.ssl is not None, bool(session.authenticated))
        print(repr(envelope.original_content), flush=True)
        return "250 taken"
def check(server, session, envelope, mechanism, data):
    print("login", session.ssl is not None, mechanism, data.login, flush=True)
    return AuthResult(handled=False, success=(data.login, data.password) == (b"ann", "g\u00e4rtner~\u007f".encode()))
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)
loop = asyncio.new_event_loop()
def session():
    return SMTP(Handler(), hostname="localhost", loop=loop, tls_context=tls, require_starttls=True,
                authenticator=check, auth_required=auth == "yes")
server = loop.run_until_complete(loop.create_server(session, "127.0.0.1", 0))
print("port", server.sockets[0].getsockname()[1], flush=True)
loop.run_forever()
]]

local has_aiosmtpd = os.execute(PYTHON .. " -c 'import aiosmtpd' 2>/dev/null")
local it_with_aiosmtpd = (has_aiosmtpd == true or has_aiosmtpd == 0) and it or function(title)
  it(title, function() pending "skipped: python3-aiosmtpd is not installed" end)
end

local function send(port, message, options)
  options = options or {}
  local words = { LUA, "examples/smtp_send.lua", "--ca", options.ca or certs.ca.cert_file }
  if options.deadline then
    words[#words + 1] = "--deadline"
    words[#words + 1] = options.deadline
  end
  for _, word in ipairs(options.words or {}) do words[#words + 1] = word end
  for _, word in ipairs { "localhost:" .. port, "ann@here", "bob@there" } do words[#words + 1] = word end
  return command.run(words, { input = message, env = options.password and { "SMTP_PASSWORD=" .. options.password } })
end

local function fails(text, status, output)
  assert.equal(1, status, output)
  assert.truthy(output:find(text, 1, true), output)
  assert.is_nil(output:find("traceback", 1, true), output)
end

-- visitor(port, server), with aiosmtpd.
local function aiosmtpd(auth, visitor, cert)
  cert = cert or certs.rsa
  tasks.run(function()
    local server = command.start({ PYTHON, "-W", "ignore", "-c", AIOSMTPD, cert.cert_file, cert.key_file, auth },
      "port (%d+)")
    visitor(tonumber(server.found), server)
    server:stop()
  end)
end

-- What becomes of it with a server without TLS that gives the answers of `script`, one to each line, and goes away at a
-- false one; and the lines that it has got.
local function fake(script, options)
  local status, output, heard = nil, nil, {}
  tasks.run(function()
    local server, place
    server, place = tasks.serve({ plain = true }, function(socket)
      socket:write "220 fake\r\n"
      for _, step in ipairs(script) do
        local line = socket:read_until "\r\n"
        heard[#heard + 1] = line
        if not step then return end
        socket:write(step)
      end
      heard.rest = socket:read "a"
    end)
    status, output = send(place.port, "Subject: secret\n\nbody\n", options)
    server:close()
  end)
  return status, output, heard
end

-- The same with a server that does STARTTLS, and gives the answers behind the handshake.
local function secure_fake(script, options)
  local status, output, heard = nil, nil, {}
  tasks.run(function()
    local server = tasks.serve({ plain = true }, function(socket)
      socket:write "220 fake\r\n"
      socket:read_until "\r\n"
      socket:write "250 STARTTLS\r\n"
      socket:read_until "\r\n"
      socket:write "220 go ahead\r\n"
      if not socket:starttls { key = certs.rsa.key, cert = certs.rsa.cert } then return end
      for _, step in ipairs(script) do
        local line = socket:read_until(step:find "^250 taken" and "\r\n.\r\n" or "\r\n")
        heard[#heard + 1] = line
        socket:write(step)
      end
      if options and options.silent then socket:read "a" end
    end)
    status, output = send(server:address().port, "Subject: secret\n\nbody\n", options)
    server:close()
  end)
  return status, output, heard
end

describe("examples/smtp_send.lua", function()
  it_with_aiosmtpd("hands a mail in over TLS", function()
    aiosmtpd("no", function(port, server)
      local status, output = send(port, "Subject: hi\n\n.a dot\r\n.\r\rbye")
      assert.same({ 0, "sent, over TLSv1.3\n" }, { status, output })
      assert.truthy(server.output:find("mail ann@here ['bob@there'] True False", 1, true), server.output)
      assert.truthy(server.output:find([[b'Subject: hi\r\n\r\n.a dot\r\n.\r\n\r\nbye\r\n']], 1, true), server.output)
    end)
  end)

  it_with_aiosmtpd("logs in behind the handshake", function()
    aiosmtpd("yes", function(port, server)
      local login = { words = { "--user", "ann" }, password = "g\195\164rtner~\127" }
      assert.same({ 0, "sent, over TLSv1.3\n" }, { send(port, "hi\n", login) })
      assert.truthy(server.output:find("login True PLAIN b'ann'", 1, true), server.output)
      assert.truthy(server.output:find("mail ann@here ['bob@there'] True True", 1, true), server.output)
    end)
  end)

  it_with_aiosmtpd("says why the server refuses, and does not show the password", function()
    aiosmtpd("yes", function(port, server)
      local status, output = send(port, "hi\n", { words = { "--user", "ann" }, password = "wrong" })
      fails("is the answer to AUTH", status, output)
      assert.is_nil(output:find("wrong", 1, true))
      assert.is_nil(output:find("AGFubgB3cm9uZw==", 1, true))
      fails("530 5.7.0 Authentication required' is the answer to MAIL FROM:<ann@here>", send(port, "hi\n"))
      assert.is_nil(server.output:find("mail", 1, true))
    end)
  end)

  it_with_aiosmtpd("trusts the name alone that it was given", function()
    aiosmtpd("no", function(port, server)
      fails("[ERR_TLS_CERT_ALTNAME_INVALID]", send(port, "hi\n"))
      fails("unable to verify", send(port, "hi\n", { ca = certs.otherca.cert_file }))
      assert.is_nil(server.output:find("mail", 1, true))
    end, certs.wrongname)
  end)

  it("sends nothing to a server that does not offer STARTTLS", function()
    local status, output, heard = fake({ "250-fake\r\n250 AUTH PLAIN\r\n" },
      { words = { "--user", "ann" }, password = "secret" })
    fails("does not offer STARTTLS", status, output)
    assert.same({ "EHLO localhost", rest = "" }, heard)
  end)

  it("sends nothing to a server that offers STARTTLS and refuses it", function()
    local status, output, heard = fake { "250-fake\r\n250 STARTTLS\r\n", "454 not now\r\n" }
    fails("'454 not now' is the answer to STARTTLS", status, output)
    assert.same({ "EHLO localhost", "STARTTLS", rest = "" }, heard)
  end)

  it("takes no answer that was sent before the handshake", function()
    local status, output, heard = fake { "250-fake\r\n250 STARTTLS\r\n",
      "220 go ahead\r\n250 AUTH PLAIN\r\n235 in\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n221 bye\r\n" }
    fails("[ERR_SSL_WRONG_VERSION_NUMBER]", status, output)
    assert.same({ "EHLO localhost", "STARTTLS" }, { heard[1], heard[2] })
    assert.equal(2, #heard)
    assert.is_nil((heard.rest or ""):find("MAIL", 1, true))
  end)

  it("ends answers without an end", function()
    fails("is the answer to EHLO", fake { ("250-x\r\n"):rep(1000) })
    fails("[ERR_CO_LIMIT]", fake { ("x"):rep(5000) })
    fails("the server has closed the connection, after EHLO", fake { false })
  end)

  it("has a deadline wherever a server says no more", function()
    local late = "smtp_send.lua: the mail was not taken in 1 seconds\n"
    tasks.run(function()
      local server = tasks.serve({ plain = true }, function(socket) socket:read "a" end)
      assert.same({ 1, late }, { send(server:address().port, "hi\n", { deadline = "1" }) })
      server:close()
    end)
    local status, output, heard = fake({ "250 STARTTLS\r\n", "220 go ahead\r\n" }, { deadline = "1" })
    assert.same({ 1, late }, { status, output })
    assert.is_nil((heard.rest or ""):find("MAIL", 1, true))
    status, output, heard = secure_fake({ "250 fake\r\n" }, { deadline = "1", silent = true })
    assert.same({ 1, late }, { status, output })
    assert.is_true(#heard <= 1) -- the EHLO
  end)

  it("has sent a mail that was taken, whatever comes behind that", function()
    local answers = { "250 fake\r\n", "250 ok\r\n", "250 ok\r\n", "354 go on\r\n", "250 taken\r\n" }
    local status, output, heard = secure_fake(answers)
    assert.same({ 0, "sent, over TLSv1.3\n" }, { status, output })
    assert.equal("Subject: secret\r\n\r\nbody", heard[5])
  end)

  it("believes no answer of another code, and shows none as it is", function()
    fails("'550 ?[2Jno' is the answer to EHLO localhost",
      secure_fake { "250-fake\r\n550 \27[2Jno\r\n" })
    fails("is the answer to MAIL FROM:<ann@here>",
      secure_fake { "250 fake\r\n", "\r\n" })
    local status, output, heard = secure_fake { "250 fake\r\n", "250 ok\r\n", "250 ok\r\n", "554 no\r\n" }
    fails("'554 no' is the answer to DATA", status, output)
    assert.equal("DATA", heard[4])
  end)

  it("says how it is used, and what is wrong", function()
    tasks.run(function()
      for words, text in pairs {
        [""] = "usage: ", ["localhost a b"] = "usage: ", ["localhost:25 a"] = "usage: ", ["--what x:1 a b"] = "usage: ",
        ["--deadline x x:1 a b"] = "usage: ", ["--deadline"] = "usage: ", ["--ca"] = "usage: ",
        ["x:1 'a>b' c"] = "not an address: a>b", ["x:1 a 'b\n'"] = "not an address: b?",
        ["--user ann x:1 a b"] = "SMTP_PASSWORD", ["localhost:1 a b"] = "connect ECONNREFUSED",
      } do
        local command_line = LUA .. " examples/smtp_send.lua " .. words
        fails(text, command.run { "sh", "-c", "unset SMTP_PASSWORD; " .. command_line })
      end
    end)
  end)
end)
