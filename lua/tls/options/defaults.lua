--- Internal. The defaults of Node's tls, writable through the public table and read at each call.
-- @module tls.options.defaults

local core = require "tls.core"

local defaults = {
  --- The list of Node v5, exactly, behind the three suites of TLS 1.3.
  DEFAULT_CIPHERS = table.concat({
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "DHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "DHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA384",
    "DHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA256",
    "DHE-RSA-AES256-SHA256",
    "HIGH",
    "!aNULL",
    "!eNULL",
    "!EXPORT",
    "!DES",
    "!RC4",
    "!MD5",
    "!PSK",
    "!SRP",
    "!CAMELLIA",
  }, ":"),
  DEFAULT_ECDH_CURVE = "auto",
  DEFAULT_MIN_VERSION = "TLSv1.2",
  DEFAULT_MAX_VERSION = "TLSv1.3",

  CLIENT_RENEG_LIMIT = 3, -- in a window, see tls.handshake.renegotiation
  CLIENT_RENEG_WINDOW = 600, -- s

  auto_select_family = true, -- net.setDefaultAutoSelectFamily and its like set these two
  auto_select_family_attempt_timeout = 250, -- ms, RFC 8305, 8

  handshake_timeout = 120000, -- ms
  handshake_threads = false, -- none
  session_timeout = 300, -- s
  session_id_context = "luv-tls", -- OpenSSL resumes no session with a verified peer without one
}

--- Node's --tls-cipher-list switch.
local list = core.getenv "LUA_TLS_CIPHER_LIST"
if list and list ~= "" then defaults.DEFAULT_CIPHERS = list end

return defaults
