--- Internal. tls.ocsp.staple: responses for all certificates of a server, fetched before a client wants them.
-- @module tls.ocsp.staple

local class = require "tls.support.class"
local core = require "tls.core"
local declared = require "tls.options.ocsp"
local Emitter = require "tls.stream.event_emitter"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local left_out = require "tls.options.left_out"
local responder_url = require "tls.ocsp.responder_url"
local Stapled = require "tls.ocsp.stapled_certificate"
local tick = require "tls.support.next_tick"
local uv = require "luv"

local Stapler = class("tls.OCSPStapler", Emitter)

-- Nobody has to listen to 'error': the server goes on without a staple, or with the one that it has.
local function tell(self, event, value, stapled)
  if self.stopped or event == "error" and self:listenerCount "error" == 0 then return end
  self:emit(event, value, stapled:state())
end

local function new_stapled(self, der)
  local stapled = Stapled.new(core.x509(der), self._options, function(event, ...)
    if event ~= "gone" then return tell(self, event, ...) end
    self._by_der[der] = nil
  end)
  self._by_der[der] = stapled
  return stapled
end

-- Makes what belongs to a certificate, or finds it. Its issuer may be known in another context only.
local function stapled_of(self, pair)
  local stapled = self._by_der[pair.cert]
  local is_new = not stapled
  if is_new then stapled = new_stapled(self, pair.cert) end
  local knows_more = not stapled.issuer and pair.issuer ~= nil
  if knows_more then stapled.issuer = core.x509(pair.issuer) end
  return stapled, is_new or knows_more
end

local function start(stapled)
  if not stapled.stopped then stapled:start() end
end

--- A context has been chosen for a connection, or was given to the server. What is known of its certificates is stapled
-- from now on; what is not is asked for from a later turn, and no handshake waits for that.
--- @param context tls.SecureContext
function Stapler:_see(context)
  if self.stopped or self._seen[context] then return end
  self._seen[context] = true
  for _, pair in ipairs(core.ocsp.certificates(context._native)) do
    local stapled, begin = stapled_of(self, pair)
    stapled:add(context)
    if begin then tick.immediate(start, stapled) end
  end
end

--- Asks for new responses now, whatever the time of the present ones is.
--- @return table self
function Stapler:refresh()
  local all = {} -- a listener may give the server another context meanwhile
  for _, stapled in pairs(self._by_der) do all[#all + 1] = stapled end
  for _, stapled in ipairs(all) do stapled:ask() end
  return self
end

--- What is stapled to which certificate, and what the last fault was.
--- @return tls.StapleState[]
function Stapler:list()
  local list = {}
  for _, stapled in pairs(self._by_der) do
    if not stapled.stopped then list[#list + 1] = stapled:state() end
  end
  table.sort(list, function(a, b) return a.serialNumber < b.serialNumber end)
  return list
end

--- Staples no more. The server goes on; another stapler may follow.
--- @return table self
function Stapler:stop()
  if self.stopped then return self end
  self.stopped = true
  for _, stapled in pairs(self._by_der) do stapled:stop() end
  self._server:removeListener("close", self._on_close)
  self._server._stapler = false
  return self
end

Stapler:_finish("OCSPStapler", "stapler")

local function check_server(server)
  if not kinds.is_instance(server, "tls.Server") then errors.throw(errors.arg_type("server", "tls.Server", server)) end
  if not server._stapler then return end
  errors.throw(errors.new("ERR_INVALID_STATE", "This server has a stapler already: call its stop() first"))
end

-- What can never work is told at the call, where it stands in the options and not in a certificate.
local function check_options(options)
  if options.url and not responder_url(options.url) then
    errors.throw(errors.arg_value("options.url", options.url,
      "must be the address of a responder, http://host[:port]/path: what it answers is signed, so there is no https"))
  end
  local stat = options.folder and uv.fs_stat(options.folder)
  if options.folder and (not stat or stat.type ~= "directory") then
    errors.throw(errors.arg_value("options.folder", options.folder, "must be a folder that exists"))
  end
  return options
end

--- Staples OCSP responses to the certificates of a server: its own, those of addContext and setSecureContext, and of
-- contexts that SNICallback has answered, once they were used. Each is asked for at the address that the certificate
-- has (authority information access), verified, and asked for again when half of its time is over. Handshakes never
-- wait: they get the response that is there, or none. While 'OCSPRequest' has listeners, these are asked instead. What
-- it opens does not keep the loop running; it ends with the server's 'close'. Not in Node.
--- @param server tls.Server
--- @param options tls.StapleOptions?
--- @return tls.OCSPStapler stapler emits 'staple'(answer, state) and 'error'(err, state), to which nobody need listen
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_INVALID_STATE, ERR_CRYPTO_UNSUPPORTED_OPERATION
local function staple(server, options)
  left_out.check("ocsp", "tls.ocsp.staple")
  check_server(server)
  local checked = check_options(declared:read(options or {}))
  local self = Stapler.new()
  self._options = checked
  self._server, self.stopped = server, false
  self._by_der, self._seen = {}, setmetatable({}, { __mode = "k" })
  self._on_close = function() self:stop() end
  server._stapler = self
  server:on("close", self._on_close)
  self:_see(server._context)
  for context in pairs(server._added_contexts or {}) do self:_see(context) end
  return self
end

return staple
