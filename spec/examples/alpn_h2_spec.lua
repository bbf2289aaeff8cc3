-- examples/alpn_h2.lua with nghttp, which knows HTTP/2 alone, curl, and openssl s_client.
require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local function serve(visitor)
  return programs.serve(example("alpn_h2.lua", "0", certs.rsa.cert_file, certs.rsa.key_file), visitor)
end

local function client(port, ALPNProtocols)
  return co.connect { host = "localhost", port = port, ca = certs.ca.cert, ALPNProtocols = ALPNProtocols }
end

describe("examples/alpn_h2.lua", function()
  it("tells nghttp that HTTP/1.1 is required", function()
    local nghttp = programs.find "nghttp"
    if not nghttp then pending "skipped: there is no nghttp" end
    serve(function(port)
      local _, output = programs.run { nghttp, "-v", "-n", "https://localhost:" .. port .. "/" }
      assert.truthy(output:find("The negotiated protocol: h2", 1, true), output)
      assert.truthy(output:find("recv SETTINGS frame <length=0", 1, true), output)
      assert.truthy(output:find("error_code=HTTP_1_1_REQUIRED(0x0d)", 1, true), output)
      assert.truthy(output:find("this server speaks HTTP/1.1", 1, true), output)
      assert.is_nil(output:find("recv HEADERS", 1, true))
    end)
  end)

  it("gives curl HTTP/1.1, although that would have liked HTTP/2", function()
    serve(function(port)
      local status, output = programs.run { "curl", "-sS", "--http2", "-w", "%{http_version}", "--cacert",
        certs.ca.cert_file, "https://localhost:" .. port .. "/" }
      assert.same({ 0, "hello over http/1.1\n1.1" }, { status, output })
      status, output = programs.run { "curl", "-sS", "--no-alpn", "-w", "%{http_version}", "--cacert",
        certs.ca.cert_file, "https://localhost:" .. port .. "/" }
      assert.same({ 0, "hello over no protocol in particular\n1.1" }, { status, output })
    end)
  end)

  it("refuses who knows neither", function()
    local printed = serve(function(port, server)
      local status, output = programs.run { "openssl", "s_client", "-connect", "localhost:" .. port, "-alpn", "h3,ftp" }
      assert.equal(1, status)
      assert.truthy(output:find("no application protocol", 1, true), output)
      programs.wait_for(server, "h3")
    end)
    assert.matches("\n[%x.:?]+: [^\n]*h3", printed)
  end)

  it("sends away who speaks HTTP/2, and lets nobody stay", function()
    serve(function(port)
      local socket = assert(client(port, { "h2" }))
      socket:write "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      local settings, goaway = "\0\0\0\4\0\0\0\0\0", "\0\0\35\7\0\0\0\0\0"
      assert.equal(settings .. goaway .. "\0\0\0\0\0\0\0\13this server speaks HTTP/1.1", socket:read "a")
      for _, text in ipairs { "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n" } do
        local other = assert(client(port, { "h2" }))
        other:finish(text)
        assert.equal("", other:read "a")
      end
      local bad = assert(client(port, { "http/1.1" }))
      bad:write "PRI * HTTP/2.0\r\n\r\n"
      assert.matches("^HTTP/1.1 400 ", bad:read "a")
    end)
  end)

  it("says how it is used", function()
    tasks.run(function()
      local status, output = programs.run(example("alpn_h2.lua", "0"))
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end)
  end)
end)
