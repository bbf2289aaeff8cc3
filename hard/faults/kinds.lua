-- The kinds of connections that faults are done to. A kind is a table:
--   name, version   "1.2" or "1.3"
--   server, client  options beside the usual ones; fun(bench) where they are made for each bench
--   setup           fun(bench, server): listeners of the server
--   resumes         each client has a session of an earlier connection; "fresh": nobody had it before
--   again           who asks for another handshake in the middle: "client" or "server"; again_options
--   early           a client's 0-RTT
--   size            bytes that each end sends in each of its two halves; step: each how manieth offset is tried
local uv = require "luv"
local tls = require "tls"
local certs = require "spec.support.certs"

local NO_TICKET = 0x4000 -- SSL_OP_NO_TICKET: sessions go to 'newSession'
local PSK_SUITES = { ["1.2"] = "PSK-AES128-GCM-SHA256", ["1.3"] = "TLS_AES_128_GCM_SHA256" }
local PSK = ("\1\2"):rep(16)
local STAPLE = "\48\3\10\1\6" -- a response: "unauthorized"

local kinds = {}

--- Calls `fn` in a later turn.
local function later(fn, ...)
  local list, n = { ... }, select("#", ...)
  local timer = uv.new_timer()
  timer:start(0, 0, function()
    timer:close()
    fn((table.unpack or unpack)(list, 1, n))
  end)
end

local function verify_later(_, _, answer) later(answer) end

local function define(versions, kind)
  for version in versions:gmatch "%S+" do
    local one = { version = version, name = kind.name .. " " .. version, size = 200, step = 7 }
    for name, value in pairs(kind) do
      if name ~= "name" then one[name] = value end
    end
    kinds[#kinds + 1] = one
  end
end

local MUTUAL = { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert }
local SHOWN = { key = certs.agent.key, cert = certs.agent.cert }

local function with(...)
  local all = {}
  for _, options in ipairs { ... } do
    for name, value in pairs(options) do all[name] = value end
  end
  return all
end

-- A store of sessions that answers later.
local function with_store(bench, server)
  server:on("newSession", function(id, data, answer)
    if bench.keeps_sessions then bench.store[id] = data end
    later(answer)
  end)
  server:on("resumeSession", function(id, answer) later(answer, nil, bench.store[id]) end)
end

local function server_that_asks(bench)
  local other = tls.createSecureContext { key = certs.ed25519.key, cert = certs.ed25519.cert, ca = certs.ca.cert,
    minVersion = "TLSv" .. bench.kind.version, maxVersion = "TLSv" .. bench.kind.version, secureOptions = NO_TICKET }
  return with(MUTUAL, {
    secureOptions = NO_TICKET, verify = verify_later,
    SNICallback = function(_, answer) later(answer, nil, other) end,
    ALPNCallback = function(info) return info.protocols[2] end,
  })
end

local function asks_later(bench, server)
  with_store(bench, server)
  server:on("clientHello", function(_, answer) later(answer) end)
  server:on("OCSPRequest", function(_, _, answer) later(answer, nil, STAPLE) end)
end

local client_that_asks = with(SHOWN, { servername = "localhost", ALPNProtocols = { "a", "b" }, requestOCSP = true,
  verify = verify_later })

define("1.2 1.3", { name = "full" })
define("1.2 1.3", { name = "mutual", server = MUTUAL, client = SHOWN })
define("1.2 1.3", { name = "resumed", resumes = true })
define("1.2 1.3", { name = "resumed from a store", resumes = true, server = { secureOptions = NO_TICKET },
  setup = with_store })
define("1.2 1.3", { name = "every callback later", server = server_that_asks, client = client_that_asks,
  setup = asks_later })
define("1.2 1.3", { name = "every callback later, resumed", resumes = true, server = server_that_asks,
  client = client_that_asks, setup = asks_later })

local function psk_server(bench)
  return { ciphers = PSK_SUITES[bench.kind.version], pskCallback = function() return PSK end }
end

local function psk_client(bench)
  return { ciphers = PSK_SUITES[bench.kind.version],
    pskCallback = function() return { psk = PSK, identity = "hard" } end }
end

define("1.2 1.3", { name = "PSK", server = psk_server, client = psk_client })
define("1.3", { name = "two ClientHellos", server = { ecdhCurve = "P-384" }, client = { ecdhCurve = "X25519:P-384" } })
define("1.2", { name = "renegotiated by the client", again = "client" })
define("1.2", { name = "renegotiated by the server, verified later", again = "server", client = client_that_asks,
  server = server_that_asks, setup = asks_later })
define("1.3", { name = "a certificate asked for later", again = "server",
  again_options = { requestCert = true, rejectUnauthorized = true },
  server = { ca = certs.ca.cert, verify = verify_later }, client = SHOWN })

local EARLY = "said before anything else"

local function early_data(bench, server)
  server:on("earlyData", function(bytes)
    if bytes ~= EARLY then bench.unknown = ("early data that was not sent: %q"):format(bytes) end
  end)
end

define("1.3", { name = "0-RTT", resumes = "fresh", early = EARLY, server = { maxEarlyData = 16384 },
  setup = early_data })
define("1.2 1.3", { name = "much data", size = 48000, step = 997 })

kinds.later = later

return kinds
