--- Internal. Peer verification: combines OpenSSL's chain result, the host name check and the user's `verify` callback
-- into one verdict on each handshake.
--
-- A client verifies inside the handshake (`in_handshake`), which is suspended meanwhile, so that a refusal sends its
-- alert. A peer without a certificate (a resumed session), and every client whose server has a `verify` callback, gets
-- its verdict when the handshake has finished, before any data passes the gate (`at_gate`).
--
-- What is known of the peer of one handshake is in the core (`struct tls_peer`). Each answer carries the handshake's
-- generation to the core, which drops what is meant for another. Lua keeps what C cannot, the error for the user, in
-- `socket._verify_answer`.
-- @module tls.handshake.verify

local cures = require "tls.handshake.verify_cures"
local ech = require "tls.handshake.ech"
local debug_lines = require "tls.support.debug_lines"
local output_hold = require "tls.handshake.output_hold"
local user_callback = require "tls.handshake.user_callback"
local errors = require "tls.support.errors"
local server_identity = require "tls.handshake.server_identity"
local server_name = require "tls.handshake.server_name"
local steps = require "tls.handshake.steps"

local verify = {}

---@class tls.VerifyAnswer
---@field generation integer of the handshake
---@field error table? why the peer is not authorized

local function remember(socket, generation, refusal, override)
  if debug_lines.on then steps.verdict(socket, generation, refusal, override) end
  socket._verify_answer = { generation = generation, error = refusal }
end

--- Forgets the answer to any other handshake than this one.
--- @param socket tls.TLSSocket
--- @param generation integer
function verify.forget_other(socket, generation)
  local answer = socket._verify_answer
  if answer and answer.generation ~= generation then socket._verify_answer = false end
end

--- Whether this is the core's error about the peer's chain.
--- @param socket tls.TLSSocket
--- @param err tls.Error
--- @return boolean
function verify.is_chain_error(socket, err)
  local conn = socket._conn -- gone, if a finalizer has destroyed the socket meanwhile
  return conn and err.code == conn:getVerifyError()
end

-- Who the peer is, and where in its chain the fault is.
local function place_of(socket, conn, err)
  local place = {}
  if err.host then place[1] = "host " .. cures.shown(err.host) end
  if socket._options.isServer and socket.remotePort then
    local address = cures.shown(socket.remoteAddress)
    place[1] = (address:find(":", 1, true) and "client [%s]:%d" or "client %s:%d"):format(address, socket.remotePort)
  end
  if conn:isSessionReused() then place[#place + 1] = "session resumed" end
  if err.depth >= 0 then place[#place + 1] = "depth " .. err.depth end
  if err.subject then place[#place + 1] = "subject " .. cures.shown(err.subject) end
  return table.concat(place, ", ")
end

-- The same for a raw public key, which is in no chain.
local function describe_raw_key(socket, conn, err)
  local place = place_of(socket, conn, err)
  err.message = ("%s%s: the peer's raw public key is none of option 'peerPublicKeys'; socket:getPeerPublicKey() has it")
    :format(err.message, place == "" and "" or " (" .. place .. ")")
end

-- Adds to the core's words about a chain whose chain it is and what helps.
local function describe(socket, conn, err)
  if conn:isRawKey() then return describe_raw_key(socket, conn, err) end
  local fault = conn:getVerifyFault()
  if not fault then
    err.message = err.message .. ": the peer has shown no certificate"
    return
  end
  fault.peer, fault.depth = socket._options.isServer and "client" or "server", err.depth
  if cures.is_about_issuer(err.code) then err.issuer = fault.issuer end
  local cure = cures.of(err.code, fault)
  err.message = ("%s (%s)%s"):format(err.message, place_of(socket, conn, err), cure and ": " .. cure or "")
end

--- Adds to the error of a rejected peer which peer it is, where in its chain the fault is, and what helps.
--- @param socket tls.TLSSocket
--- @param err tls.Error
--- @return tls.Error err
function verify.explain(socket, err)
  local conn = socket._conn
  local code, _, depth, subject = conn:getVerifyError()
  if not socket._options.isServer then
    ech.choose_name(socket)
    err.host = err.host or socket._name_to_verify
  end
  err.depth, err.subject = depth, subject
  if code == err.code then describe(socket, conn, err) end
  ech.explain_refusal(socket, err)
  local cert = conn:getPeerCertificate()
  if cert and cert.raw then err.cert = err.cert or cert end
  return err
end

-- The error when the certificate is not valid for the name; nil also when checkServerIdentity has destroyed the socket.
-- A raw public key is trusted as that of this server: there is no name in it to compare.
local function check_name(socket)
  local conn, check = socket._conn, socket._options.checkServerIdentity
  if socket._options.secureContext._trusts_raw_keys and conn:isRawKey() then return nil end -- it has no name
  local names = check == server_identity.check and conn:getPeerNames() -- the names are all it looks at, and cheaper
  local ok, err, reason = pcall(check, socket._name_to_verify, names or conn:getPeerCertificate(true))
  if ok and err == nil then err = reason end -- `return nil, "why not"` is how functions of Lua's refuse
  if ok and err == nil or socket._conn ~= conn then return nil end
  if errors.is_no_memory(err) then return errors.no_memory() end
  local cert = conn:getPeerCertificate(true)
  if names and type(err) == "table" then err.cert = cert end
  if type(err) == "table" then
    local is_default = server_name.is_default(socket._unchecked_options or socket._options)
    if names and is_default and not ech.is_rejected(socket) then
      err.message = err.message .. "; no host was given, so 'localhost' was compared"
    end
    return ech.explain_refusal(socket, err)
  end
  return errors.new("ERR_TLS_CERT_ALTNAME_INVALID", "checkServerIdentity refused the peer: " .. errors.shown(err),
    { host = socket._name_to_verify, cert = cert })
end

local function check_chain(socket)
  local code, message = socket._conn:getVerifyError()
  return code and verify.explain(socket, errors.new(code, message)) or nil
end

-- The option minDHSize: a server may choose DHE parameters that are too small (Logjam).
local function check_dh(socket)
  local least = socket._options.minDHSize
  local bits = least and socket._conn:getDhSize()
  if not bits or bits >= least then return nil end
  return errors.new("ERR_TLS_DH_PARAM_SIZE", ("DH parameter size %d is less than %d"):format(bits, least))
end

-- The option `ocsp`: the core has looked at what was stapled. A server that is refused for it does not come so far.
local function check_staple(socket)
  local code, message
  if socket._options.ocsp then code, message = socket._conn:getOcspError() end
  return code and errors.new(code, message) or nil
end

-- The peer's certificates, leaf first; of a raw public key a table that has nothing else.
local function chain_of(socket)
  if socket._conn:isRawKey() then return { { publicKey = socket._conn:getPeerPublicKey() } } end
  local cert, list = socket._conn:getPeerCertificate(true), {}
  while cert and cert.raw and list[#list] ~= cert do
    list[#list + 1] = cert
    cert = cert.issuer
  end
  return list
end

-- The user's refusal as an error; nil for nil, which is none. `false` refuses as well.
local function as_error(value)
  if value == nil then return nil end
  return type(value) == "table" and value or errors.new("CERT_REJECTED", errors.shown(value))
end

-- Asks the option `verify`. An error that it throws refuses the peer, as does one that it gives its callback.
-- `preverify` is the verdict without it; `done(refusal, override)` gets the one with it.
local function ask_user(socket, preverify, done)
  local callback_of_user, answered = socket._options.verify, false
  user_callback(socket, socket.destroy, function(err, accept)
    local refusal = as_error(err)
    if not refusal and accept ~= true then refusal = preverify end -- another value may be an error in the wrong place
    done(refusal, refusal == nil and preverify ~= nil)
  end, function(chain, verdict, callback)
    local ok, err = pcall(callback_of_user, chain, verdict, function(...)
      answered = true
      callback(nil, ...)
    end)
    if ok then return end
    if answered then error(err, 0) end
    callback(nil, type(err) == "string" and err or errors.thrown(err))
  end, chain_of(socket), preverify)
end

--- A client's handshake is suspended at the server's chain: verifies it, and gives the core the answer.
--- @param socket tls.TLSSocket
--- @param generation integer
function verify.in_handshake(socket, generation)
  local conn = socket._conn
  verify.forget_other(socket, generation)
  ech.choose_name(socket)
  if socket._conn ~= conn then return end -- see tls.handshake.steps
  local err = check_chain(socket) or check_name(socket)
  if socket._conn ~= conn then return end -- checkServerIdentity has destroyed it
  local function answer(refusal, override)
    remember(socket, generation, refusal, override)
    socket:_drive_if(conn:answerVerify(generation, refusal == nil, override))
  end
  if not socket._options.verify then return answer(err, false) end
  ask_user(socket, err, answer)
end

-- Gives the core the verdict.
local function set_verdict(socket, generation, refusal, override, done)
  socket._conn:setVerdict(generation, refusal == nil, override)
  done(socket, generation, socket._options.rejectUnauthorized and refusal or nil)
end

local function remember_verdict(socket, generation, refusal, override, done)
  remember(socket, generation, refusal, override)
  if not socket._conn then return end -- see tls.handshake.steps
  set_verdict(socket, generation, refusal, override, done)
end

local function check_peer(socket)
  local err = check_chain(socket)
  if err or socket._options.isServer then return err end
  return check_name(socket)
end

--- The handshake has finished: verifies the peer, if that was not done inside it. No data passes the gate until then.
--- @param socket tls.TLSSocket
--- @param generation integer
--- @param done fun(socket: tls.TLSSocket, generation: integer, refused: table?) called now or later, with the error if
---   the connection is to be closed for it; not at all once the socket is destroyed
function verify.at_gate(socket, generation, done)
  local options, conn = socket._options, socket._conn
  if options.isServer and not options.requestCert then return done(socket, generation) end
  local weak = check_dh(socket)
  if weak then return done(socket, generation, weak) end
  if options.pskCallback and conn:isPsk() then return remember_verdict(socket, generation, nil, false, done) end
  local answer = socket._verify_answer
  if answer and answer.generation == generation then -- given inside the handshake; the core knows what it overrode
    local staple = not answer.error and check_staple(socket)
    if staple then return remember_verdict(socket, generation, staple, false, done) end
    return set_verdict(socket, generation, answer.error, false, done)
  end
  local err = check_peer(socket)
  if socket._conn ~= conn then return end -- checkServerIdentity has destroyed it
  if not options.verify or not (conn:isRawKey() or conn:getPeerCertificate().raw) then
    return remember_verdict(socket, generation, err, false, done)
  end
  -- A client that will be refused is not to get a session: it would be refused again, with a better certificate too.
  output_hold.hold(socket)
  ask_user(socket, err, function(refusal, override)
    output_hold.release(socket)
    remember_verdict(socket, generation, refusal, override, done)
  end)
end

return verify
