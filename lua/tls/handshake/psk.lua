--- Internal. Pre-shared keys: the one callback that cannot answer later, since OpenSSL cannot wait for it. What it
-- throws, and a wrong value that it returns, end the connection with that error.
-- @module tls.handshake.psk

local alert = require "tls.handshake.alert"
local errors = require "tls.support.errors"
local tick = require "tls.support.next_tick"

local psk = {}

local MAX_KEY, MAX_IDENTITY = 512, 256 -- bytes: PSK_MAX_PSK_LEN, PSK_MAX_IDENTITY_LEN of OpenSSL 3

local function check(name, value, max)
  if type(value) ~= "string" then errors.throw(errors.arg_type(name, "string", value)) end
  if #value > max then
    errors.throw(errors.arg_value(name, ("%d bytes"):format(#value), ("exceeds %d bytes"):format(max)))
  end
  return value
end

-- OpenSSL takes an identity as a C string.
local function check_identity(value)
  check("identity", value, MAX_IDENTITY)
  if value == "" or value:find("\0", 1, true) then
    errors.throw(errors.arg_value("identity", value, "must have characters, and none of them NUL"))
  end
  return value
end

local function ask_server(callback, socket, identity)
  local answer = callback(socket, identity)
  if answer == nil or answer == false then return nil end
  if type(answer) == "table" then answer = answer.psk end
  return check("psk", answer, MAX_KEY)
end

local function ask_client(callback, _, hint)
  local answer = callback(hint)
  if answer == nil or answer == false then return nil end
  if type(answer) ~= "table" then errors.throw(errors.arg_type("options.pskCallback's answer", "object", answer)) end
  return check("psk", answer.psk, MAX_KEY), check_identity(answer.identity)
end

--- Asks the option pskCallback. Called while OpenSSL is on the stack: what the user's function does to its own socket
-- takes effect when OpenSSL has returned.
--- @param socket tls.TLSSocket
--- @param text string? the client's identity, or the server's hint
--- @return string? key nil when there is none
--- @return string? identity a client's
function psk.answer(socket, text)
  local options = socket._options
  local ok, key, identity = pcall(options.isServer and ask_server or ask_client, options.pskCallback, socket, text)
  if ok then
    if identity then socket._psk_offered = true end
    return key, identity
  end
  socket._callback_error = errors.thrown(key)
  tick.immediate(alert.destroy, socket, socket._callback_error) -- in TLS 1.3 the handshake would go on without the key
  return nil
end

--- Checks the option pskIdentityHint.
--- @param hint string
--- @return table? err why a server cannot send this hint
function psk.check_hint(hint)
  if #hint <= MAX_IDENTITY then return nil end
  return errors.new("ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED", "Failed to set PSK identity hint")
end

return psk
