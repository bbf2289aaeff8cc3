-- OpenSSL's configuration file, as OPENSSL_CONF names it: what of it counts beside our options, one that cannot be
-- read, and one that allows FIPS alone. Each in a process of its own, which connects to a server here.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local luas = require "spec.support.luas"
local openssl = require "spec.support.openssl"
local script = require "spec.support.script"
local tls = require "tls"

local it = openssl.with("autoload-config", it, function(why) pending(why) end)
local names = {}

local function file_of(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  names[#names + 1] = name
  return name
end

-- A file whose section of TLS has these lines.
local function rules(lines)
  return file_of("openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\n" .. lines .. "\n")
end

local PROGRAM = [[
local tls = require "tls"
local options = { host = "127.0.0.1", port = PORT, servername = "localhost", ca = { file = CA } }
EXTRA
local socket = tls.connect(options)
socket:on("error", function(err) print("error", err.code, err.message) end)
socket:on("data", function()
  print(socket:getProtocol(), socket:getCipher().name, socket:getEphemeralKeyInfo().name)
  socket:destroy()
end)
require("luv").run()
]]

-- What a client prints that is run with this file.
local function client_of(path, port, extra, on_exit)
  local values = { PORT = tostring(port), CA = ("%q"):format(certs.dir .. "/ca.crt"), EXTRA = extra or "" }
  local program = ("local uv = require 'luv' uv.os_setenv('OPENSSL_CONF', %q) "):format(path) ..
    PROGRAM:gsub("%u+", function(word) return values[word] end)
  script.run(program, {}, on_exit)
end

local function server_for(options, on_secure)
  options.cert, options.key = certs.rsa.cert, certs.rsa.key
  local server = tls.createServer(options, function(socket)
    on_secure(socket)
    socket:on("error", function() end)
    socket:write "x"
  end)
  server:listen(0, "127.0.0.1")
  return server
end

local function connected(path, extra, check)
  local server, seen
  server = server_for({}, function(socket) seen = socket:getProtocol() end)
  server:on("tlsClientError", function(err) seen = err.code end)
  server:on("listening", function()
    client_of(path, server:address().port, extra, helper.expect(function(status, output)
      server:close()
      check(output, seen, status)
    end))
  end)
  helper.run()
end

describe("OpenSSL's configuration file", function()
  after_each(function()
    for _, name in ipairs(names) do os.remove(name) end
    names = {}
  end)

  local OURS = { "MaxProtocol = TLSv1.2", "Ciphersuites = TLS_AES_128_GCM_SHA256", "CipherString = AES128-SHA" }
  for _, line in ipairs(OURS) do
    it(line .. ": ours counts, as in Node", function()
      connected(rules(line), nil, function(output, seen)
        assert.matches("^TLSv1.3\tTLS_AES_256_GCM_SHA384\t", output)
        assert.equal("TLSv1.3", seen)
      end)
    end)
  end

  it("Groups: counts, unless ecdhCurve is given", function()
    local path = rules "Groups = P-384"
    connected(path, nil, function(output, seen)
      assert.matches("\tsecp384r1\n$", output)
      assert.equal("TLSv1.3", seen)
    end)
    connected(path, "options.ecdhCurve = 'P-256'", function(output, seen)
      assert.matches("\tprime256v1\n$", output)
      assert.equal("TLSv1.3", seen)
    end)
  end)

  it("SignatureAlgorithms: counts, unless sigalgs is given", function()
    local path = rules "SignatureAlgorithms = ECDSA+SHA384"
    connected(path, nil, function(output, seen)
      assert.matches("^error\tERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", output)
      assert.equal("ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM", seen)
    end)
    connected(path, "options.sigalgs = 'RSA-PSS+SHA256'", function(output, seen)
      assert.matches("^TLSv1.3\t", output)
      assert.equal("TLSv1.3", seen)
    end)
  end)

  it("a level counts, unless ciphers has one", function()
    local path = rules "CipherString = DEFAULT:@SECLEVEL=4"
    connected(path, nil, function(output) assert.matches("^error\t", output) end)
    connected(path, "options.ciphers = 'DEFAULT:@SECLEVEL=2'", function(output)
      assert.matches("^TLSv1.3\t", output)
    end)
  end)

  it("that cannot be read is an error of require, which names it", function()
    local path = file_of "openssl_conf = o\n[o\n"
    script.run(("require('luv').os_setenv('OPENSSL_CONF', %q) require 'tls'"):format(path), {},
      helper.expect(function(status, output)
        assert.not_equal(0, status)
        local message = "tls: OpenSSL cannot read its configuration file %s, line 2: missing close square bracket"
        assert.is_truthy(output:find(message:format(path), 1, true), output)
      end))
    helper.run()
  end)

  it("that is not there is none", function()
    connected("/nowhere/openssl.cnf", nil, function(output) assert.matches("^TLSv1.3\t", output) end)
  end)
end)

-- Where openssl can check fips.so, which TLS_FIPS may name.
local function fips()
  local checked = file_of ""
  local modules = io.popen("openssl version -m"):read("*a"):match '"(.-)"' or ""
  local module = os.getenv "TLS_FIPS" or modules .. "/fips.so"
  local status = os.execute(("openssl fipsinstall -quiet -module '%s' -out %s >/dev/null 2>&1"):format(module, checked))
  if status ~= 0 and status ~= true then return nil end
  return file_of(("openssl_conf = o\n.include %s\n[o]\nproviders = p\nalg_section = a\n[p]\nfips = fips_sect\n"
    .. "base = b\n[fips_sect]\nmodule = %s\n[b]\nactivate = 1\n[a]\ndefault_properties = fips=yes\n"):format(checked,
    module))
end

local REFUSED = [[
local function refused(options)
  local ok, err = pcall(tls.createSecureContext, options)
  print(ok, ok or err.code, ok or err.message)
end
local function read(name) return assert(io.open(DIR .. "/" .. name, "rb")):read "*a" end
refused { ciphers = "ECDHE-RSA-CHACHA20-POLY1305" }
refused { ecdhCurve = "X25519" }
refused { pfx = read "chain.pfx", passphrase = "sesame" }
refused { cert = read "encrypted.crt", key = read "encrypted.key", passphrase = "sesame" }
print(#tls.X509Certificate(read "rsa.crt").fingerprint)
options.ecdhCurve, options.ticketKeys = "P-256", ("k"):rep(48)
]]

it("OpenSSL of FIPS alone: handshakes work, and what is refused says why", function()
  local path = luas.this.build == luas.this.plain_build and fips()
  if not path then return pending "skipped: this OpenSSL has no FIPS provider" end
  connected(path, (REFUSED:gsub("DIR", ("%q"):format(certs.dir))), function(output, seen)
    local FIPS = core.openssl:match "^%S+ %S+" .. " with default_properties = fips=yes"
    for _, words in ipairs {
      "'ECDHE-RSA-CHACHA20-POLY1305' is unknown to " .. FIPS,
      "'X25519' is unknown to " .. FIPS,
      "it needs algorithms that " .. FIPS .. " has not: give options.key and options.cert as PEM",
      "or is shorter than 8 bytes, or the key is encrypted by what " .. FIPS .. " has not",
    } do
      assert.is_truthy(output:find(words, 1, true), output)
    end
    assert.is_truthy(output:find "\n59\nTLSv1.3\tTLS_AES_256_GCM_SHA384\tprime256v1\n$")
    assert.equal("TLSv1.3", seen)
  end)
end)
