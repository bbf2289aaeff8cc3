-- { file = "path" } in place of a text.
local uv = require("spec.helper").uv
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local tls = require "tls"

local create = tls.createSecureContext
local made = {}

-- A file with this text, which is removed behind the spec.
local function file_of(text)
  local path = os.tmpname()
  made[#made + 1] = path
  local out = assert(io.open(path, "wb"))
  out:write(text)
  out:close()
  return path
end

local function at(name) return { file = certs.dir .. "/" .. name } end

local function failure(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return err
end

local function refused(code, words, options)
  local err = failure(create, options)
  assert.equal(code, err.code)
  assert.truthy(err.message:find(words, 1, true), err.message)
  return err
end

local function serves(options, client)
  local settings = { ca = certs.ca.cert, servername = "localhost" }
  for name, value in pairs(client or {}) do settings[name] = value end
  local r = pair.run(options, settings, nil, function(socket) socket:finish() end)
  assert.is_nil(r.client_failure, tostring(r.client_failure))
  assert.equal(1, r.connected)
end

describe("{ file = }", function()
  after_each(function()
    for _, path in ipairs(made) do os.remove(path) end
    made = {}
  end)

  it("is taken as cert, key, ca, pfx and crl, alone and in a list, among texts", function()
    serves({ cert = at "rsa.crt", key = at "rsa.key" }, { ca = at "ca.crt" })
    serves({ cert = { at "rsa.crt" }, key = { at "rsa.key" } }, { ca = { certs.selfsigned.cert, at "ca.crt" } })
    serves({ cert = { certs.ecdsa.cert, at "rsa.crt" }, key = { at "ecdsa.key", certs.rsa.key } })
    serves({ cert = at "rsa.crt", key = at "rsa.key" }, { crl = at "ca.crl" })
    serves { pfx = at "open.pfx" }
  end)

  it("has the passphrase of a key and a pfx beside it, or that of the options", function()
    local key, pfx = certs.dir .. "/encrypted.key", certs.dir .. "/rsa.pfx"
    serves { cert = at "encrypted.crt", key = { file = key, passphrase = "sesame" } }
    serves { cert = at "encrypted.crt", key = { { file = key, passphrase = "sesame" } }, passphrase = "other" }
    serves { cert = at "encrypted.crt", key = { file = key }, passphrase = "sesame" }
    serves { pfx = { file = pfx, passphrase = "sesame" } }
    local err = refused("ERR_OSSL_BAD_DECRYPT", ('file "%s"): the passphrase is not the right one'):format(key),
      { key = { file = key, passphrase = "no" } })
    assert.equal(key, err.path)
    refused("ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE", "there is no passphrase", { pfx = { file = pfx } })
  end)

  it("is read when the options are: what is written later counts for later contexts", function()
    local cert, key = file_of(certs.rsa.cert), file_of(certs.rsa.key)
    local server = tls.createServer { cert = { file = cert }, key = { file = key } }
    os.remove(cert)
    server:addContext("a", { cert = at "ecdsa.crt", key = at "ecdsa.key" })
    server:setSecureContext { cert = at "ecdsa.crt", key = at "ecdsa.key" }
    local err = failure(server.setSecureContext, server, { cert = { file = cert }, key = { file = key } })
    assert.equal("ENOENT", err.code)
    assert.equal("ENOENT", failure(tls.connect, { port = 1, ca = { file = cert } }).code)
  end)

  it("may be a pipe, which is read to its end", function()
    local path = os.tmpname()
    os.remove(path)
    made[1] = path
    assert(os.execute(("mkfifo %s && (cat %s/rsa.crt > %s &)"):format(path, certs.dir, path)))
    assert.is_table(create { cert = { file = path }, key = certs.rsa.key })
  end)

  it("that is not there is named, and where it was looked for", function()
    local err = refused("ENOENT", "open ENOENT: no such file or directory nowhere.pem (options.cert): the name is " ..
      "relative to /", { cert = { file = "nowhere.pem" } })
    assert.equal("open", err.syscall)
    assert.equal("nowhere.pem", err.path)
    refused("ENOENT", "'~' is the shell's", { key = { file = "~/k.pem" } })
    refused("ENOENT", "not a URI", { key = { file = "file:/k.pem" } })
  end)

  it("that is a folder, has no end or is empty is refused", function()
    refused("EISDIR", "(options.ca): name a file in it", { ca = { file = certs.dir } })
    refused("ERR_FS_FILE_TOO_LARGE", "/dev/zero has more than 16 MiB", { ca = { file = "/dev/zero" } })
    local err = refused("ERR_INVALID_ARG_VALUE", "is empty (options.key)", { key = { file = "/dev/null" } })
    assert.equal("/dev/null", err.path)
  end)

  it("that may not be read is refused", function()
    local open = uv.fs_open -- the system's refusal: the user who runs this may be allowed to read all
    uv.fs_open = function(path) return nil, "EACCES: permission denied: " .. path, "EACCES" end
    local ok, err = pcall(create, { ca = { file = "ca.pem" } })
    uv.fs_open = open
    assert.is_false(ok)
    assert.equal("EACCES", err.code)
    assert.truthy(err.message:find("open EACCES: permission denied ca.pem (options.ca): this process may not read it",
      1, true))
  end)

  it("holds something else: what, and in which file", function()
    local err = refused("ERR_OSSL_PEM_NO_START_LINE", ('(options.ca[2], file "%s/rsa.key"): found PRIVATE KEY, wanted ')
      :format(certs.dir), { ca = { certs.ca.cert, at "rsa.key" } })
    assert.equal(certs.dir .. "/rsa.key", err.path)
    refused("ERR_OSSL_PEM_NO_START_LINE", "pass it as option 'pfx'", { cert = at "rsa.pfx" })
    refused("ERR_OSSL_X509_KEY_VALUES_MISMATCH", "has an EC P-256 key, the key given is another EC P-256",
      { cert = at "wrongname.crt", key = at "ecdsa.key" })
  end)

  it("has no other fields, and a name that is one", function()
    local VALUE, TYPE = "ERR_INVALID_ARG_VALUE", "ERR_INVALID_ARG_TYPE"
    refused(VALUE, 'Received "passphrase"', { cert = { file = "x", passphrase = "y" } })
    refused(VALUE, 'Received "path"', { ca = { { path = "x" } } })
    refused(VALUE, 'Received "name"', { key = { { file = "x", name = "y" } } })
    refused(VALUE, "not both", { key = { { file = "x", pem = "y" } } })
    refused(VALUE, "must be a sequence", { ca = { certs.ca.cert, file = "x" } })
    refused(VALUE, "plain tables", { ca = setmetatable({ file = "x" }, {}) })
    refused(VALUE, "is empty", { ca = { file = "" } })
    refused(VALUE, "NUL", { ca = { file = "a\0b" } })
    refused(TYPE, "options.ca.file", { ca = { file = 1 } })
    refused(TYPE, "options.ca", { ca = { {} } })
    refused(TYPE, "options.ca", { ca = { { certs.ca.cert } } })
  end)

  it("is not the text of a key, which the error does not show", function()
    local VALUE = "ERR_INVALID_ARG_VALUE"
    local text = certs.rsa.key
    local pattern = text:match("\n([%w+/]+)\n"):gsub("%p", "%%%0")
    local bare = text:gsub("%-%-%-[^\n]*\n", ""):gsub("\n", "")
    for _, given in ipairs { text, bare, (text:gsub("\n", "")), "\0" .. text } do
      for _, option in ipairs { "key", "pfx" } do
        local err = refused(VALUE, #given .. " bytes", { [option] = { file = given } })
        assert.is_nil(err.message:find(pattern) or err.path)
      end
    end
  end)

  it("is taken by addCACert and setDefaultCACertificates", function()
    local context = create { ca = {} }
    context:addCACert(at "ca.crt")
    assert.equal("ENOENT", failure(context.addCACert, context, { file = "nowhere" }).code)
    assert.equal("ERR_INVALID_ARG_TYPE", failure(context.addCACert, context, { "x" }).code)
    local before = tls.getCACertificates()
    assert.equal("ENOENT", failure(tls.setDefaultCACertificates, { certs.ca.cert, { file = "nowhere" } }).code)
    assert.equal(before, tls.getCACertificates())
    tls.setDefaultCACertificates { at "ca.crt" }
    local one = #tls.getCACertificates()
    tls.setDefaultCACertificates(before)
    assert.equal(1, one)
    assert.equal("ERR_INVALID_ARG_TYPE", failure(tls.setDefaultCACertificates, at "ca.crt").code)
  end)

  it("counts for sessions as its text does: they are good where the clients are verified by the same", function()
    local keys = { certs.rsa.key, certs.rsa.cert }
    local function server(ca, ticket_keys)
      return { key = keys[1], cert = keys[2], ca = ca, requestCert = true, rejectUnauthorized = true,
        maxVersion = "TLSv1.2", ticketKeys = ticket_keys }
    end
    local client = { ca = certs.ca.cert, servername = "localhost", key = certs.agent.key, cert = certs.agent.cert }
    local secret, session = ("k"):rep(48), nil
    local function visit(ca)
      client.session = session
      local reused
      local r = pair.run(server(ca, secret), client, nil, function(socket)
        reused = socket:isSessionReused()
        session = session or socket:getSession()
        socket:finish()
      end)
      assert.is_nil(r.client_failure, tostring(r.client_failure))
      return reused
    end
    assert.is_false(visit(certs.ca.cert))
    assert.is_true(visit(at "ca.crt"))
    assert.is_false(visit { at "ca.crt", at "otherca.crt" })
  end)
end)
