-- examples/starttls.lua: both ends, and each against others.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local co = require "tls.co"
local net = require "tls.net"
local tasks = require "spec.support.tasks"
local tls = require "tls"

local LUA = os.getenv "LUA" or "lua5.4"

-- on_ready(port, server); the server is stopped by its stop().
local function serve(on_ready)
  local server
  server = Child.spawn({ LUA, "examples/starttls.lua", "serve", "0", certs.rsa.cert_file, certs.rsa.key_file },
    helper.expect())
  server:when("listening on port (%d+)", helper.wrap(function(output)
    on_ready(tonumber(output:match "port (%d+)"), server)
  end))
  return server
end

local function send(port, ca, message, done)
  local client = Child.spawn({ LUA, "examples/starttls.lua", "send", "localhost:" .. port, ca, "me@here", "you@there" },
    helper.expect(done))
  client:write(message)
  client.stdin:shutdown()
end

describe("examples/starttls.lua", function()
  it("sends mail to itself", function()
    local server
    server = serve(function(port)
      send(port, certs.ca.cert_file, "Subject: hi\n\n.a dot\nbye\n", function(status, output)
        assert.equal(0, status, output)
        assert.truthy(output:find("secure: TLSv1.3, localhost", 1, true), output)
        assert.truthy(output:find("sent", 1, true), output)
        server:when("bye", function() server:stop() end)
      end)
    end)
    helper.run(20000)
    local printed = "mail over TLS from me@here, 4 lines\n  Subject: hi\n  \n  .a dot\n  bye\n"
    assert.truthy(server.output:find(printed, 1, true), server.output)
  end)

  it("takes mail from curl", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write "Subject: from curl\r\n\r\nhello\r\n"
    file:close()
    local server
    server = serve(function(port)
      Child.spawn({ "curl", "-sS", "--ssl-reqd", "--cacert", certs.ca.cert_file, "smtp://localhost:" .. port,
        "--mail-from", "a@b", "--mail-rcpt", "c@d", "-T", name }, helper.expect(function(status, output)
          assert.equal(0, status, output)
          os.remove(name)
          server:when("hello", function() server:stop() end)
        end))
    end)
    helper.run(20000)
    assert.truthy(server.output:find("mail over TLS from a@b, 3 lines", 1, true), server.output)
  end)

  it("speaks with openssl s_client -starttls smtp", function()
    local text
    serve(function(port, server)
      local client = Child.spawn({ "openssl", "s_client", "-connect", "localhost:" .. port, "-starttls", "smtp",
        "-CAfile", certs.ca.cert_file, "-verify_return_error", "-crlf", "-ign_eof" }, helper.expect(function(_, output)
          text = output
          server:stop()
        end))
      client:write "NOOP\nQUIT\n"
    end)
    helper.run(20000)
    assert.truthy(text:find("Verify return code: 0 (ok)", 1, true), text)
    assert.truthy(text:find("221 bye", 1, true), text)
  end)

  it("does not send to a server that is not trusted", function()
    serve(function(port, server)
      send(port, certs.otherca.cert_file, "secret", function(status, output)
        assert.equal(1, status)
        assert.truthy(output:find("unable to verify", 1, true), output)
        assert.is_nil(server.output:find("secret", 1, true))
        server:stop()
      end)
    end)
    helper.run(20000)
  end)

  it("obeys no command that was sent before the handshake", function()
    local server
    server = serve(function(port)
      local socket = net.connect(port, "127.0.0.1")
      socket:write "EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil>\r\nDATA\r\ninjected\r\n.\r\n"
      socket:on("error", function() end)
      socket:resume()
      socket:on("close", helper.expect(function()
        server:when("no TLS: ", function() server:stop() end)
      end))
    end)
    helper.run(20000)
    assert.is_nil(server.output:find("injected", 1, true))
    assert.is_nil(server.output:find("mail over", 1, true))
  end)

  it("takes no mail in the clear, and ends a line without end", function()
    local heard = ""
    serve(function(port, server)
      local socket = net.connect(port, "127.0.0.1")
      socket:on("data", function(data)
        heard = heard .. data
        if heard:find "530" and not heard:find "xxx" then
          heard = heard .. "xxx"
          socket:write(("x"):rep(5000))
        end
      end)
      socket:write "MAIL FROM:<a>\r\n"
      socket:on("error", function() end)
      socket:on("close", helper.expect(function() server:stop() end))
    end)
    helper.run(20000)
    assert.truthy(heard:find("530 must issue a STARTTLS command first", 1, true), heard)
  end)

  it("ends a mail without end", function()
    local server, answer, more
    server = serve(function(port)
      tasks.start(function()
        local socket = assert(co.connect { host = "localhost", port = port, plain = true })
        socket:read()
        socket:write "EHLO x\r\nSTARTTLS\r\n"
        for _ = 1, 3 do answer = socket:read() end
        assert(socket:starttls { ca = certs.ca.cert })
        socket:write "DATA\r\n"
        more = socket:read()
        while socket:write(("x\r\n"):rep(1000)) do co.sleep(0) end
        while not server.output:find "a mail without end" do co.sleep(5) end
        server:stop()
      end)
    end)
    helper.run(20000)
    assert.same({ "220 go ahead\r", "354 end with a dot\r" }, { answer, more })
    assert.truthy(server.output:find("a mail without end", 1, true), server.output)
  end)

  it("begins TLS although the ClientHello comes with the word", function()
    -- a hasty client: it does not wait for the answer to STARTTLS
    local hello
    local probe = net.createServer(function(plain)
      plain:once("data", function(data)
        hello = data
        plain:destroy()
      end)
    end)
    probe:listen(0, "127.0.0.1", function()
      local client = tls.connect { port = probe:address().port, host = "127.0.0.1" }
      client:on("error", helper.expect(function() probe:close() end))
    end)
    helper.run()
    local answer = ""
    serve(function(port, server)
      local socket = net.connect(port, "127.0.0.1")
      socket:write("STARTTLS\r\n" .. hello)
      socket:on("data", function(data)
        answer = answer .. data
        if answer:find "go ahead\r\n\22\3\3" then socket:destroy() end -- a ServerHello
      end)
      socket:on("close", helper.expect(function() server:stop() end))
    end)
    helper.run(20000)
    assert.truthy(answer:find "go ahead\r\n\22\3\3", answer)
  end)

  it("says how it is used", function()
    Child.spawn({ LUA, "examples/starttls.lua" }, helper.expect(function(status, output)
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end))
    helper.run()
  end)
end)
