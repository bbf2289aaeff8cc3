--- Is the peer who it should be? The core looks at the chain; here the name is compared, the user asked, and the
-- verdict given: to the suspended handshake where it can wait, else at the gate behind it.
-- @module tls.judge

local ask = require "tls.ask"
local errors = require "tls.errors"
local identity = require "tls.identity"

local judge = {}

--- The error of a rejected peer says who was rejected, and where in its chain.
function judge.explain(socket, err)
  local conn = socket._conn
  local code, _, depth, subject = conn:getVerifyError()
  err.host = err.host or socket._verify_name
  err.depth, err.subject = depth, subject
  if code == err.code and subject then
    err.message = ("%s (%sdepth %d, subject %s)"):format(err.message,
      err.host and "host " .. err.host .. ", " or "", depth, subject)
  end
  local cert = conn:getPeerCertificate()
  if cert and cert.raw then err.cert = err.cert or cert end
  return err
end

local function check_name(socket)
  local conn, check = socket._conn, socket._options.checkServerIdentity
  local names = check == identity.check and conn:getPeerNames() -- the rest is expensive, and not looked at
  local ok, err = pcall(check, socket._verify_name, names or conn:getPeerCertificate(true))
  if ok and err == nil then return nil end
  local cert = conn:getPeerCertificate(true)
  if names and type(err) == "table" then err.cert = cert end
  if type(err) == "table" then return err end
  return errors.new("ERR_TLS_CERT_ALTNAME_INVALID", "checkServerIdentity refused the peer: " .. tostring(err),
    { host = socket._verify_name, cert = cert })
end

local function check_chain(socket)
  local code, message = socket._conn:getVerifyError()
  return code and judge.explain(socket, errors.new(code, message)) or nil
end

--- A server may choose its DHE parameters too small (Logjam).
local function check_dh(socket)
  local least = socket._options.minDHSize
  local bits = least and socket._conn:getDhSize()
  if not bits or bits >= least then return nil end
  return errors.new("ERR_TLS_DH_PARAM_SIZE", ("DH parameter size %d is less than %d"):format(bits, least))
end

--- The peer's certificates, leaf first.
local function chain_of(socket)
  local cert, list = socket._conn:getPeerCertificate(true), {}
  while cert and cert.raw and list[#list] ~= cert do
    list[#list + 1] = cert
    cert = cert.issuer
  end
  return list
end

local function as_error(value)
  if value == nil or value == false then return nil end
  return type(value) == "table" and value or errors.new("CERT_REJECTED", tostring(value))
end

--- The option `verify`. An error it throws refuses the peer, as one it answers with does.
local function ask_user(socket, preverify, done)
  local verify = socket._options.verify
  socket._verified = true
  ask(socket, function(err, accept)
    err = as_error(err)
    if not err and not accept then err = preverify end
    done(err)
  end, function(chain, verdict, callback)
    local ok, err = pcall(verify, chain, verdict, function(...) callback(nil, ...) end)
    if not ok then callback(nil, err) end
  end, chain_of(socket), preverify)
end

--- The handshake is suspended at the peer's chain.
function judge.identify(socket)
  local options = socket._options
  local err = check_chain(socket)
  if not err and not options.isServer then err = check_name(socket) end
  local function answer(verdict)
    socket._identity_error = verdict
    socket._overruled = verdict == nil
    socket:_poke(socket._conn:identify(verdict == nil, verdict == nil))
  end
  if not options.verify then return answer(err) end
  ask_user(socket, err, answer)
end

local function verdict(socket)
  if socket._identity_error then return socket._identity_error end
  if socket._overruled then return nil end
  local err = check_chain(socket)
  if err or socket._options.isServer or not socket._conn:isSessionReused() then return err end
  return check_name(socket) -- no certificate came this time
end

local function conclude(socket, err, done)
  socket._verified, socket._identity_error, socket._overruled = nil, nil, nil
  socket.authorized = err == nil
  socket.authorizationError = err and (err.code or tostring(err)) or nil
  done(socket, socket._options.rejectUnauthorized and err or nil)
end

--- The handshake is finished.
--- @param socket tls.TLSSocket
--- @param done fun(socket: tls.TLSSocket, refused: table?) called now or later; not at all once the socket is destroyed
function judge.settle(socket, done)
  local options, conn = socket._options, socket._conn
  if options.isServer and not options.requestCert then return done(socket) end
  local weak = check_dh(socket)
  if weak then return done(socket, weak) end
  if conn:isPsk() then return conclude(socket, nil, done) end
  local err = verdict(socket)
  if not options.verify or socket._verified or not conn:getPeerCertificate().raw then
    return conclude(socket, err, done)
  end
  ask_user(socket, err, function(final) conclude(socket, final, done) end)
end

return judge
