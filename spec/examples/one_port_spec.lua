-- examples/one_port.lua: curl with and without TLS, and clients that are neither.
require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local programs = require "spec.support.programs"

local example = programs.examples()
local function serve(visitor, ...)
  return programs.serve(example("one_port.lua", "0", certs.rsa.cert_file, certs.rsa.key_file, ...), visitor)
end

local function curl(...)
  return programs.run { "curl", "-sS", "--cacert", certs.ca.cert_file, ... }
end

describe("examples/one_port.lua", function()
  it("answers by HTTPS, and sends plain HTTP there", function()
    serve(function(port)
      local status, text = curl("https://localhost:" .. port .. "/a?b=c")
      assert.same({ 0, "hello over TLSv1.3: /a?b=c\n" }, { status, text })
      status, text = curl("-i", "-H", "Host: evil.example", "http://localhost:" .. port .. "/a?b=c")
      assert.equal(0, status)
      assert.matches("^HTTP/1.1 308 ", text)
      assert.truthy(text:find("\r\nLocation: https://localhost:" .. port .. "/a?b=c\r\n", 1, true), text)
      assert.is_nil(text:find("hello", 1, true))
      status, text = curl("-L", "http://localhost:" .. port .. "/there")
      assert.same({ 0, "hello over TLSv1.3: /there\n" }, { status, text })
    end)
  end)

  it("is not trusted by another authority's clients, who get nothing", function()
    local printed = serve(function(port, server)
      local status, text = programs.run { "curl", "-sS", "--cacert", certs.otherca.cert_file,
        "https://localhost:" .. port }
      assert.equal(60, status)
      assert.is_nil(text:find("hello", 1, true))
      programs.wait_for(server, "ALERT_UNKNOWN_CA")
    end)
    assert.matches("\n[%x.:?]+: error:", printed)
  end)

  it("refuses what is no request, and ends what has no end, a byte at a time as well", function()
    serve(function(port)
      local function say(text)
        local socket = assert(co.connect { host = "127.0.0.1", port = port, plain = true })
        for i = 1, #text, text:find "xxx" and 4096 or 1 do
          if not socket:write(text:sub(i, text:find "xxx" and i + 4095 or i)) then break end
          co.sleep(0)
        end
        return socket:read "a" or ""
      end
      assert.matches("^HTTP/1.1 400 ", say "GET  / HTTP/1.1\r\n\r\n")
      assert.matches("^HTTP/1.1 400 ", say "GET /\1 HTTP/1.1\r\n\r\n")
      assert.matches("^HTTP/1.1 308 ", say "GET / HTTP/1.1\r\n\r\n")
      assert.equal("", say("GET /" .. ("x"):rep(100000)))
    end)
  end)

  it("leaves who says nothing, or a byte and no more, of either kind", function()
    serve(function(port)
      local waiting = {}
      for i, text in ipairs { "", "G", "\22", "\22\3\1\2\0\1", "GET / HTTP/1.1\r\n" } do
        waiting[i] = co.run(function()
          local socket = assert(co.connect { host = "127.0.0.1", port = port, plain = true })
          if text ~= "" then socket:write(text) end
          return socket:read "a" or "ended"
        end)
      end
      for _, task in ipairs(waiting) do
        local answer = task:wait()
        assert.is_nil((answer:find "HTTP")) -- maybe an alert
      end
      assert.equal(0, (curl("https://localhost:" .. port))) -- it goes on
    end)
  end)

  it("says how it is used", function()
    for _, arguments in ipairs { {}, { "x", "y", "z" }, { "99999", "y", "z" }, { "0", "y", "z", "a\r\nb" } } do
      local command = example("one_port.lua", (table.unpack or unpack)(arguments))
      local child = programs.start(command)
      child:when("usage: ", function() end)
      require("spec.helper").run()
      assert.equal(1, child.status)
    end
  end)
end)
