-- examples/acme_answer.lua and acme_certificate.sh: what an ACME server looks at, by openssl s_client; curl beside it.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local AUTHORIZATION = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

local function with_folder(visitor)
  local folder = assert(helper.uv.fs_mkdtemp "/tmp/acmeXXXXXX")
  local printed = programs.serve(example("acme_answer.lua", "0", certs.rsa.cert_file, certs.rsa.key_file,
    folder), function(port, server)
    local status, output = programs.run({ "sh", "examples/acme_certificate.sh", "www.example.org", folder },
      AUTHORIZATION)
    assert.equal(0, status, output)
    visitor(port, server, folder)
  end)
  for _, name in ipairs { "www.example.org.crt", "www.example.org.key" } do os.remove(folder .. "/" .. name) end
  assert.is_true(os.remove(folder))
  return printed
end

local function look(port, ...)
  return programs.run { "openssl", "s_client", "-connect", "localhost:" .. port, ... }
end

describe("examples/acme_answer.lua", function()
  it("shows the certificate of the challenge, as RFC 8737 wants it", function()
    local printed = with_folder(function(port, server)
      local _, output = look(port, "-alpn", "acme-tls/1", "-servername", "WWW.example.org")
      assert.truthy(output:find("ALPN protocol: acme-tls/1", 1, true), output)
      local status, text = programs.run({ "openssl", "x509", "-noout", "-text" }, output)
      assert.equal(0, status)
      assert.matches("Subject Alternative Name: *\n +DNS:www.example.org\n", text)
      local _, sum = programs.run({ "openssl", "dgst", "-sha256", "-r" }, AUTHORIZATION)
      local _, der = programs.run({ "openssl", "x509", "-outform", "DER" }, output)
      local digest = sum:match "^%x+":gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
      -- the name of the extension, TRUE (critical), and an OCTET STRING in an OCTET STRING
      assert.truthy(der:find("\6\8\43\6\1\5\5\7\1\31\1\1\255\4\34\4\32" .. digest, 1, true))
      programs.wait_for(server, "challenge of WWW.example.org answered")
    end)
    assert.matches("challenge of", printed)
  end)

  it("refuses who asks for another name, for none, or for more than the challenge", function()
    with_folder(function(port, server)
      for _, arguments in ipairs {
        { "-alpn", "acme-tls/1", "-servername", "other.example.org" }, { "-alpn", "acme-tls/1", "-noservername" },
        { "-alpn", "acme-tls/1,http/1.1", "-servername", "www.example.org" },
        { "-alpn", "acme-tls/1", "-servername", "../www.example.org" }, { "-alpn", "h2" },
      } do
        local status, output = look(port, (table.unpack or unpack)(arguments))
        assert.equal(1, status)
        assert.truthy(output:find("no application protocol", 1, true), output)
        assert.is_nil(output:find("BEGIN CERTIFICATE", 1, true))
      end
      assert.is_nil(server.output:find("answered", 1, true))
    end)
  end)

  it("shows no challenge to who offers no protocol, and none whose files do not belong together", function()
    with_folder(function(port, _, folder)
      local status, output = look(port, "-servername", "www.example.org", "-CAfile", certs.ca.cert_file)
      assert.equal(0, status, output)
      assert.truthy(output:find("Verify return code: 0", 1, true), output) -- the ordinary certificate
      for _, bad in ipairs { "cp " .. certs.rsa.key_file .. " %s/www.example.org.key", "echo x >%s/www.example.org.key",
        "rm %s/www.example.org.key; : %s" } do
        assert.equal(0, (programs.run { "sh", "-c", bad:format(folder, folder) }))
        status, output = look(port, "-alpn", "acme-tls/1", "-servername", "www.example.org")
        assert.equal(1, status)
        assert.truthy(output:find("no application protocol", 1, true), output)
      end
      assert.equal(0, (programs.run { "sh", "-c", ": >" .. folder .. "/www.example.org.key" }))
    end)
  end)

  it("serves others with its own certificate", function()
    with_folder(function(port)
      local status, text = programs.run { "curl", "-sS", "--http1.1", "--cacert", certs.ca.cert_file,
        "https://localhost:" .. port }
      assert.same({ 0, "hello\n" }, { status, text })
      status, text = programs.run { "curl", "-sS", "--no-alpn", "--cacert", certs.ca.cert_file,
        "https://localhost:" .. port }
      assert.same({ 0, "hello\n" }, { status, text })
    end)
  end)

  it("says how it is used, and takes nothing else for a key authorization", function()
    tasks.run(function()
      local status, output = programs.run(example "acme_answer.lua")
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
      for _, text in ipairs { "", "x", "a.b.c", "a.", "a b.c" } do
        status, output = programs.run({ "sh", "examples/acme_certificate.sh", "www.example.org", "/nowhere" }, text)
        assert.equal(1, status)
        assert.truthy(output:find("no key authorization", 1, true), output)
      end
      status, output = programs.run({ "sh", "examples/acme_certificate.sh", "../x,DNS:y", "/nowhere" }, "a.b")
      assert.equal(2, status)
      assert.truthy(output:find("usage: ", 1, true))
      status, output = programs.run({ "sh", "examples/acme_certificate.sh", "www.example.org", "/nowhere" }, "a.b")
      assert.same({ 1, "acme_certificate.sh: there is no writing to /nowhere, or openssl cannot do this\n" },
        { status, output })
    end)
  end)
end)
