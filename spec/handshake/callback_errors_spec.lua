-- What a callback of the handshake throws, or answers as its error: a listener gets a table with message and code.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local tls = require "tls"

-- What is called is given as `fail`: it throws a text, or gives it to the callback that is its last argument.
local FAILURES = {
  throws = function() error("my text", 0) end,
  answers = function(...)
    local callback = select(select("#", ...), ...)
    callback "my text"
  end,
}

-- Runs a connection, and returns the error of the side that `fail` belongs to.
local function failure_of(server_more, client_more, prepare)
  local server, client = { key = certs.rsa.key, cert = certs.rsa.cert }, { ca = certs.ca.cert }
  for name, value in pairs(server_more) do server[name] = value end
  for name, value in pairs(client_more) do client[name] = value end
  local result = pair.run(server, client, nil, nil, prepare)
  assert.is_nil(result.connected)
  if next(server_more) or prepare then return result.client_error end
  return result.client_failure
end

local function listen(name, fail)
  return function(server) server:on(name, fail) end
end

-- Each gets `fail`, and says which code comes with it.
local CASES = {
  { "SNICallback", function(fail) return failure_of({ SNICallback = fail }, { servername = "localhost" }) end },
  { "OCSPRequest", function(fail) return failure_of({}, { requestOCSP = true }, listen("OCSPRequest", fail)) end },
  { "newSession", function(fail)
    return failure_of({ maxVersion = "TLSv1.2", secureOptions = 0x4000 }, {}, listen("newSession", fail))
  end },
  { "lookup", function(fail) return failure_of({}, { host = "localhost", lookup = fail }) end },
  { "verify", function(fail) return failure_of({}, { verify = function(...)
    if fail == FAILURES.throws then return fail() end
    select(3, ...)("my text")
  end }) end, code = "CERT_REJECTED" },
  { "ALPNCallback", function(fail) return failure_of({ ALPNCallback = fail }, { ALPNProtocols = { "a" } }) end,
    only = "throws" },
  { "pskCallback", function(fail)
    return failure_of({}, { pskCallback = fail, ciphers = "PSK+HIGH:TLS_AES_128_GCM_SHA256" })
  end, only = "throws" },
  { "checkServerIdentity", function(fail) return failure_of({}, { checkServerIdentity = fail }) end, only = "throws",
    code = "ERR_TLS_CERT_ALTNAME_INVALID" },
}

for _, case in ipairs(CASES) do
  for how, fail in pairs(FAILURES) do
    if not case.only or case.only == how then
      it(("%s that %s a text gives an error"):format(case[1], how), function()
        local err = case[2](fail)
        assert.equal("table", type(err))
        assert.equal(case.code or "ERR_UNHANDLED_ERROR", err.code)
        assert.truthy(err.message:find("my text", 1, true), err.message)
        assert.equal(("%s [%s]"):format(err.message, err.code), tostring(err))
      end)
    end
  end
end

it("resumeSession that answers a text gives an error", function()
  local session, err
  local function options(more)
    local all = { ca = certs.ca.cert }
    for name, value in pairs(more or {}) do all[name] = value end
    return all
  end
  local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = "TLSv1.2",
    secureOptions = 0x4000 }
  server:on("newSession", function(_, _, callback) callback() end)
  server:on("resumeSession", function(_, callback) callback(session and "my text") end)
  server:on("tlsClientError", function(e) err = e end)
  server:on("secureConnection", function(socket) socket:finish() end)
  server:listen(0, "127.0.0.1", function()
    local place = { port = server:address().port, host = "127.0.0.1" }
    local first = tls.connect(place, options())
    first:on("session", function(data) session = data end)
    first:resume()
    first:on("close", function()
      local second = tls.connect(place, options { session = session })
      second:on("error", helper.expect())
      second:on("close", function() server:close() end)
    end)
  end)
  helper.run()
  assert.equal("my text", err.message)
  assert.equal("ERR_UNHANDLED_ERROR", err.code)
end)
