--- Internal. A server's answer to a ClientHello: which context, which protocol, which session, which OCSP response.
-- The user may be asked for each, and may answer later; meanwhile the handshake is suspended in OpenSSL.
--
-- There is a step for each question. The steps run one after the other; each puts what it has found out into one table,
-- `answer`, which is given to the core in the end.
-- @module tls.handshake.client_hello_callbacks

local alert = require "tls.handshake.alert"
local protocol_list = require "tls.options.protocol_list"
local user_callback = require "tls.handshake.user_callback"
local debug_lines = require "tls.support.debug_lines"
local kinds = require "tls.options.kinds"
local core = require "tls.core"
local errors = require "tls.support.errors"
local debug_steps = require "tls.handshake.steps"

local has_listener = require("tls.stream.event_emitter")._is_heard

local client_hello_callbacks = {}

-- As a function for user_callback. Every listener gets the callback; a second answer is an error.
local function emit(server, name)
  return function(...) server:emit(name, ...) end
end

local steps = {}

local function context_for_error()
  return errors.new("ERR_TLS_INVALID_CONTEXT",
    "Invalid SNI context: the callback's first argument is an error, answer callback(nil, context)")
end

-- The choice of a context has failed: the client gets the alert that `err.alert` names, else internal_error, and the
-- listeners that error. Once the handshake goes on there is no such alert.
local function refuse(socket, err)
  if socket._callback_error then return end -- the first error counts
  if kinds.is_secure_context(err) then err = context_for_error() end
  local conn = socket._conn
  if not conn then return end
  local wanted = conn:answerClientHello { alert = alert.wanted(err) or core.alerts.internal_error }
  if wanted == nil then return alert.destroy(socket, err) end
  socket._callback_error = err
  socket:_drive_if(wanted)
end

-- 'clientHello': the user answers with a context, a refusal with an alert, or nothing.
function steps.client_hello(socket, _, answer, done)
  if not has_listener(socket._server, "clientHello") then return done() end
  user_callback(socket, refuse, function(choice)
    if not choice then return done() end
    if kinds.is_secure_context(choice) then
      answer.chosen = choice
      return done()
    end
    answer.alert = alert.wanted(choice)
    if answer.alert then return done() end
    refuse(socket, errors.arg_value("answer to 'clientHello'", choice, "is no SecureContext and no { alert = }"))
  end, function(copy, callback)
    socket._server:emit("clientHello", copy, callback, socket)
  end, socket._conn:getClientHello()) -- the listener's own: what it changes there changes no answer
end

-- SNICallback, whose default looks through what addContext was given.
function steps.sni(socket, info, answer, done)
  local callback = socket._options.SNICallback
  if answer.chosen or answer.alert or not callback or not info.servername then return done() end
  user_callback(socket, refuse, function(choice)
    if not choice then return done() end
    if not kinds.is_secure_context(choice) then
      return refuse(socket, errors.new("ERR_TLS_INVALID_CONTEXT", "Invalid SNI context"))
    end
    answer.chosen = choice
    done()
  end, callback, info.servername)
end

local function contains(list, value)
  for _, entry in ipairs(list) do
    if entry == value then return true end
  end
  return false
end

local function copy_of(list)
  local copy = {}
  for i = 1, #list do copy[i] = list[i] end
  return copy
end

local function not_offered(choice, offered)
  return errors.new("ERR_TLS_ALPN_CALLBACK_INVALID_RESULT",
    ("ALPN callback returned a value (%s) that did not match any of the client's offered protocols (%s)"):format(
      errors.shown(choice), table.concat(offered, ", ")))
end

-- ALPNCallback cannot answer later: what it returns is the answer.
function steps.alpn(socket, info, answer, done)
  local callback = socket._options.ALPNCallback
  local offered = info.ALPNProtocols
  if answer.alert or not callback or #offered == 0 then return done() end
  local asked = { servername = info.servername or "", protocols = copy_of(offered) }
  local ok, choice = pcall(callback, asked, socket)
  if not ok then return alert.destroy(socket, errors.thrown(choice)) end
  if choice == nil then
    answer.alpnRefused = true
    return done()
  end
  -- RFC 7301, 3.1: a name is not empty, but a client that sends one is not refused before it is asked about here
  if choice == "" or not contains(offered, choice) then return socket:destroy(not_offered(choice, offered)) end
  answer.alpn = protocol_list.encode({ choice }, "ALPNCallback")
  done()
end

-- 'resumeSession': the session that was stored under this id.
function steps.resume_session(socket, info, answer, done)
  if answer.alert or not info.sessionId or not has_listener(socket._server, "resumeSession") then return done() end
  user_callback(socket, alert.destroy, function(data)
    if data ~= nil and data ~= false and type(data) ~= "string" then
      return socket:destroy(errors.arg_type("resumeSession's data", "string", data))
    end
    answer.session = data or nil
    done()
  end, emit(socket._server, "resumeSession"), info.sessionId)
end

-- OpenSSL would send anything up to 3.5, and since 3.6 nothing, without a word. Most often it is PEM or base64.
local function not_a_response(response)
  local kind = core.derKind(response)
  return errors.arg_value("OCSPRequest's response", response,
    "must be an OCSP response in DER" .. (kind and (", and is a %s"):format(kind) or ""))
end

-- 'OCSPRequest': a response to staple. A listener's answer counts, also where it is none; else the core staples what
-- the context has (tls.ocsp.staple), and asks nobody.
function steps.ocsp(socket, info, answer, done)
  if answer.alert or not info.wantsOCSP or not has_listener(socket._server, "OCSPRequest") then return done() end
  local chosen = answer.chosen or socket._options.secureContext
  local cert, issuer = core.contextCertificate(chosen._native)
  if not cert then return done() end
  user_callback(socket, alert.destroy, function(response)
    if response ~= nil and response ~= false and type(response) ~= "string" then
      return socket:destroy(errors.arg_type("OCSPRequest's response", "string", response))
    end
    answer.ocsp_answered = true
    answer.ocsp = response ~= "" and response or nil -- an empty one is none
    if answer.ocsp and not core.isOCSPResponse(answer.ocsp) then return socket:destroy(not_a_response(answer.ocsp)) end
    done()
  end, emit(socket._server, "OCSPRequest"), cert, issuer)
end

local ORDER = { "client_hello", "sni", "alpn", "resume_session", "ocsp" }

local function finish(socket, answer)
  local conn = socket._conn
  if not conn then return end
  local chosen = answer.chosen
  local stapler = chosen and socket._server and socket._server._stapler
  if stapler then stapler:_see(chosen) end
  if chosen then socket._chosen_context = chosen end -- its CAs verify the client, if a certificate is asked for later
  if debug_lines.on and (chosen or socket._options.SNICallback) then debug_steps.context(socket, chosen) end
  local ok, result = core.attempt(conn.answerClientHello, conn, {
    context = chosen and chosen._native, groups = chosen and chosen._groups, alpn = answer.alpn,
    alpnRefused = answer.alpnRefused, session = answer.session, ocsp = answer.ocsp,
    ocspAnswered = answer.ocsp_answered, alert = answer.alert,
  })
  if not ok then return refuse(socket, errors.thrown(result)) end
  socket:_drive_if(result)
end

--- Whether the handshake is to be suspended at the ClientHello: there is a callback or a listener that is to be asked.
--- @param socket tls.TLSSocket
--- @return boolean
function client_hello_callbacks.wanted(socket)
  local options, server = socket._options, socket._server
  return options.SNICallback ~= nil or options.ALPNCallback ~= nil or has_listener(server, "clientHello") or
    has_listener(server, "resumeSession") or has_listener(server, "OCSPRequest")
end

--- The core has suspended the handshake at the ClientHello: asks, and gives the core the answer.
--- @param socket tls.TLSSocket
function client_hello_callbacks.answer(socket)
  local info, answer, at = socket._conn:getClientHello(), {}, 0
  if not info then return end
  if debug_lines.on then debug_steps.client_hello(socket, info) end
  socket.servername = info.servername or false -- also for a handshake that fails
  local function next_step()
    if socket.destroyed then return end
    at = at + 1
    if not ORDER[at] then return finish(socket, answer) end
    steps[ORDER[at]](socket, info, answer, next_step)
  end
  next_step()
end

return client_hello_callbacks
