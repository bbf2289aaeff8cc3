--- Internal. Encrypted Client Hello (RFC 9849) on a client: which name a server has to prove, and what a server that
-- has not accepted it means. The core fails every handshake whose ECH was asked for and not accepted.
-- @module tls.handshake.ech

local debug_lines = require "tls.support.debug_lines"
local errors = require "tls.support.errors"
local steps = require "tls.handshake.steps"
local credentials = require "tls.options.credentials"

local ech = {}

local REJECTED = "ERR_TLS_ECH_REJECTED"

local function refuse(name, reason)
  return errors.throw(errors.new("ERR_INVALID_ARG_VALUE", ("The property 'options.%s' %s"):format(name, reason)))
end

--- Are the options about ECH those of this side, and is there TLS 1.3?
--- @param checked table options, with their context
-- @raise ERR_INVALID_ARG_VALUE
function ech.check(checked)
  if checked.ech and checked.isServer then refuse("ech", "is a client's: a server has options.echKeys") end
  if checked.echKeys and not checked.isServer then refuse("echKeys", "is a server's: a client has options.ech") end
  if not checked.isServer and checked.secureContext._has_ech_keys then -- OpenSSL would use them as the client's config
    refuse("secureContext", "has echKeys, which are a server's: make another one for clients")
  end
  local max = checked.ech and checked.secureContext._max_version
  if max and max < credentials.VERSIONS["TLSv1.3"] then
    refuse("ech", "needs TLSv1.3, which the other options exclude")
  end
end

--- Which name the server has to prove, once its certificate is there. One that has not accepted ECH is another server
--- than the one that was meant: it may prove that it is the one whose name was shown (RFC 9849, 6.1.7).
--- @param socket tls.TLSSocket a client
function ech.choose_name(socket)
  local wanted = socket._options.ech
  if not wanted or not wanted.config or socket._ech_status then return end
  local found = socket._conn:getEch()
  if not found then return end
  socket._ech_status = found.status
  if found.status ~= "accepted" then socket._name_to_verify = found.outerServername or "" end
  if debug_lines.on then steps.ech(socket, found) end
end

--- Whether a client knows that its ECH was not accepted.
--- @param socket tls.TLSSocket
--- @return boolean
function ech.is_rejected(socket)
  local status = socket._ech_status
  return status ~= false and status ~= "accepted"
end

local is_rejected = ech.is_rejected

local NOT_ACCEPTED = "; the server has not accepted Encrypted Client Hello, so it has to be the one whose name was "
  .. "shown"

--- Says so in the error of a server that is not the one whose name was shown either.
--- @param socket tls.TLSSocket
--- @param err any why it is refused
--- @return any err the same
function ech.explain_refusal(socket, err)
  if is_rejected(socket) and errors.is(err) then err.message = err.message .. NOT_ACCEPTED end
  return err
end

local function is_authenticated(socket)
  local answer = socket._verify_answer
  return answer and not answer.error
end

local function words(socket, err)
  local name = debug_lines.shown(socket._name_to_verify)
  if not is_authenticated(socket) then return ("nor has it proved to be %s, the name that was shown"):format(name) end
  if err.retryConfigs then return ("it is %s, and wants err.retryConfigs as option 'ech'"):format(name) end
  return ("it is %s, and wants no other keys to be used: perhaps it has none (any more)"):format(name)
end

--- Is this the core's error about a server that has not accepted ECH?
--- @param err tls.Error
--- @return boolean
function ech.is_rejection(err) return err.code == REJECTED end

--- Adds to it what the server wants to be used instead, if it is to be believed.
--- @param socket tls.TLSSocket
--- @param err tls.Error
function ech.explain_rejection(socket, err)
  ech.choose_name(socket)
  local found = err.alert == "ech_required" and is_authenticated(socket) and socket._conn:getEch()
  if found then err.retryConfigs = found.retryConfigs end
  if is_rejected(socket) then err.message = err.message .. ": " .. words(socket, err) end
end

return ech
