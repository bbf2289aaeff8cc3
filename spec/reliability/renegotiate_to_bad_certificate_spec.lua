-- Another handshake may bring another certificate: renegotiation in TLS 1.2, authentication behind the handshake in
-- TLS 1.3. A peer that sends data right behind its Finished, in the same segment, is not to be heard before the verdict
-- on that certificate, and not at all when it is refused; what is accepted loses nothing.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local raw_peer = require "spec.support.raw_peer"
local tls = require "tls"

local BEHIND = "BEHIND"
local UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
local WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID"

local function later(fn)
  local timer = helper.uv.new_timer()
  helper.uv.update_time()
  timer:start(20, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

-- A `verify` that notes in 'log' when it is asked and when it answers, by 'callback(...)'.
local function slow(log, socket_of, ...)
  local answers, n = { ... }, select("#", ...)
  return function(_, _, callback)
    local socket = socket_of()
    if not socket then return callback() end -- the first handshake
    log[#log + 1] = "asked"
    later(function()
      if socket.server then assert.is_false(socket.authorized) end -- a client's handshake is not finished yet
      log[#log + 1] = "answers"
      callback((table.unpack or unpack)(answers, 1, n))
    end)
  end
end

local function log_data(log, socket)
  socket:on("data", function(data)
    log[#log + 1] = ("data %s %s %s"):format(data, tostring(socket.authorized), tostring(socket.authorizationError))
  end)
  socket:on("error", function(err) log[#log + 1] = "error " .. err.code end)
end

-- Our server asks a raw client for its certificate, which shows 'shown' and sends BEHIND. Answer: what `verify` says.
local function server(version, shown, reject, ...)
  local log, this, output, listening = {}, nil, nil, nil
  local verify = select("#", ...) > 0 and slow(log, function() return this end, ...) or nil
  listening = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert,
    verify = verify }, function(socket)
    this = socket
    log_data(log, socket)
    socket:renegotiate({ requestCert = true, rejectUnauthorized = reject }, function(err)
      log[#log + 1] = "renegotiated " .. tostring(err)
      socket:write "end"
    end)
    socket:on("data", function(data)
      if data:find "seen$" then socket:finish() end
    end)
    socket:on("close", function() listening:close() end)
  end)
  listening:on("tlsClientError", helper.never "tlsClientError")
  listening:listen(0, "127.0.0.1", function()
    raw_peer.client(listening:address().port, version, shown, BEHIND, function(_, text) output = text end)
  end)
  helper.run()
  return log, output
end

for _, version in ipairs { 12, 13 } do
  describe("a server of TLS 1." .. version - 10 .. " that asks for a certificate later", function()
    it("hears what comes behind a good one when it is done", function()
      local log = server(version, "agent", true)
      assert.same({ "renegotiated nil", "data BEHIND true nil", "data seen true nil" }, log)
    end)

    it("knows of a bad one before it hears more", function()
      local log = server(version, "stranger", false)
      assert.same({ "renegotiated nil", "data BEHIND false " .. UNKNOWN, "data seen false " .. UNKNOWN }, log)
      log = server(version, "-", false)
      local none = "UNABLE_TO_GET_ISSUER_CERT"
      assert.same({ "renegotiated nil", "data BEHIND false " .. none, "data seen false " .. none }, log)
    end)

    it("hears no more where a bad one is refused", function()
      local log, output = server(version, "stranger", true)
      assert.same({ "error " .. UNKNOWN }, log)
      assert.truthy(output:find("unknown ca", 1, true), output) -- by its alert
      log = server(version, "-", true)
      assert.same({ "error ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE" }, log)
    end)

    it("hears nothing until verify has answered", function()
      for _, reject in ipairs { true, false } do
        local log = server(version, "agent", reject, nil)
        assert.same({ "asked", "answers", "renegotiated nil", "data BEHIND true nil", "data seen true nil" }, log)
        log = server(version, "stranger", reject, nil, true)
        assert.same({ "asked", "answers", "renegotiated nil", "data BEHIND true nil", "data seen true nil" }, log)
      end
    end)

    it("hears no more when verify refuses", function()
      local log, output = server(version, "agent", true, { code = "MINE", message = "no" })
      assert.same({ "asked", "answers", "error MINE" }, log)
      assert.is_nil(output:find("alert", 1, true), output) -- the connection is closed: that is all
      log = server(version, "stranger", true, nil) -- leaves it at the bad chain
      assert.same({ "asked", "answers", "error " .. UNKNOWN }, log)
      log = server(version, "agent", false, { code = "MINE", message = "no" })
      assert.same({ "asked", "answers", "renegotiated nil", "data BEHIND false MINE", "data seen false MINE" }, log)
    end)
  end)
end

-- A raw server renegotiates with our client, shows 'shown' one after the other, and sends BEHIND. Answer: as above.
local function client(shown, more, ...)
  local log, this = {}, nil
  local verify = select("#", ...) > 0 and slow(log, function() return this end, ...) or nil
  local child
  child = raw_peer.server(12, shown, BEHIND, function(port)
    local options = { port = port, host = "localhost", ca = certs.ca.cert, verify = verify }
    for name, value in pairs(more or {}) do options[name] = value end
    local socket
    socket = tls.connect(options, helper.expect(function()
      this = socket
      log[#log + 1] = "secure " .. tostring(socket.authorizationError)
      socket:write "again"
    end))
    log_data(log, socket)
    socket:on("data", helper.wrap(function(data)
      assert.equal(BEHIND, data)
      socket:finish()
    end))
    socket:on("close", helper.expect())
  end)
  helper.run()
  return log, child.output
end

describe("a client whose server renegotiates with another certificate", function()
  it("hears what comes behind a good one", function()
    assert.same({ "secure nil", "data BEHIND true nil" }, (client "ecdsa,rsa"))
  end)

  it("hears no more from a server of another name, or of an unknown issuer", function()
    local log, output = client "ecdsa,wrongname"
    assert.same({ "secure nil", "error " .. WRONG_NAME }, log)
    assert.truthy(output:find("bad certificate", 1, true), output)
    log, output = client "ecdsa,stranger"
    assert.same({ "secure nil", "error " .. UNKNOWN }, log)
    assert.truthy(output:find("unknown ca", 1, true), output)
  end)

  it("knows of a bad one before it hears more", function()
    local lax = { rejectUnauthorized = false }
    assert.same({ "secure nil", "data BEHIND false " .. WRONG_NAME }, (client("ecdsa,wrongname", lax)))
    assert.same({ "secure nil", "data BEHIND false " .. UNKNOWN }, (client("ecdsa,stranger", lax)))
    assert.same({ "secure " .. WRONG_NAME, "data BEHIND true nil" }, (client("wrongname,ecdsa", lax)))
  end)

  it("hears nothing until verify has answered", function()
    local log = client("ecdsa,rsa", nil, nil)
    assert.same({ "secure nil", "asked", "answers", "data BEHIND true nil" }, log)
    log = client("ecdsa,wrongname", nil, nil, true)
    assert.same({ "secure nil", "asked", "answers", "data BEHIND true nil" }, log)
  end)

  it("hears no more when verify refuses", function()
    local log, output = client("ecdsa,rsa", nil, { code = "MINE", message = "no" })
    assert.same({ "secure nil", "asked", "answers", "error MINE" }, log)
    assert.truthy(output:find("bad certificate", 1, true), output)
    log = client("ecdsa,stranger", { rejectUnauthorized = false }, { code = "MINE", message = "no" })
    assert.same({ "secure nil", "asked", "answers", "data BEHIND false MINE" }, log)
  end)
end)
