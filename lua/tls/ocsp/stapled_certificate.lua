--- Internal. One certificate of a server, and the response that is stapled to it: asked for, verified, kept, asked for
-- again when half of its time is over.
-- @module tls.ocsp.stapled_certificate

local uv = require "luv"
local core = require "tls.core"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local post = require "tls.ocsp.http_post"
local responder_url = require "tls.ocsp.responder_url"
local response_files = require "tls.ocsp.response_files"

local UNDATED = 86400 -- s that a response counts which does not say for how long, as the core has it
local HOUR = 3600000 -- ms
local MOST = 65535 -- bytes of a response
local LONGEST_SLEEP = HOUR -- a process may sleep, and its timers with it

---@class tls.StapledCertificate
---@field certificate tls.X509Certificate
---@field issuer tls.X509Certificate?
---@field contexts table<tls.SecureContext, true> whose certificate it is; weak
---@field options table
---@field tell fun(event: string, value: table, self: tls.StapledCertificate)
---@field url string? of the responder
---@field response string? DER
---@field answer tls.OCSPAnswer? what it says
---@field error table? why the last question had no answer
---@field failures integer in a row
---@field asks_at number? s since 1970
---@field due number? the same in ms of a clock that nobody sets
---@field timer userdata? owned
---@field cancel (fun())? while a question is under way
---@field added boolean a context came since the last question
---@field stopped boolean
local Stapled = {}
Stapled.__index = Stapled

-- The first responder of plain HTTP that the certificate names.
local function own_url(certificate)
  local access = "\n" .. (certificate.infoAccess or "")
  local first
  for url in access:gmatch "\nOCSP %- URI:([^\n]+)" do
    if responder_url(url) then return url end
    first = first or url
  end
  return first
end

--- @param certificate tls.X509Certificate
--- @param options table checked
--- @param tell fun(event: string, value: table, self: table)
function Stapled.new(certificate, options, tell)
  return setmetatable({
    certificate = certificate, contexts = setmetatable({}, { __mode = "k" }), options = options, tell = tell,
    url = options.url or own_url(certificate), failures = 0, added = false, stopped = false,
  }, Stapled)
end

-- Up to when it may be stapled, without the tolerance that clients may have.
local function ends_at(answer) return answer.nextUpdate or answer.thisUpdate + UNDATED end

-- A context that nobody uses any more may have been finalized, and still be in the weak table.
local function set_staple(self, context, response, seconds)
  local alive = core.attempt(core.ocsp.staple, context._native, self.certificate, response, seconds)
  if not alive then self.contexts[context] = nil end
end

local function staple(self, context) set_staple(self, context, self.response, ends_at(self.answer)) end

-- Between 0.9 and 1 of a time: servers that began together do not ask together.
local function with_jitter(ms) return ms * (0.9 + uv.hrtime() % 1e6 / 1e7) end

-- Does anybody have this certificate? Where SNICallback makes a context for each connection, there may be none just
-- now.
local function has_users(self)
  local recently = self.added
  self.added = false
  return recently or next(self.contexts) ~= nil
end

-- In ms. A process may sleep, and the clock that nobody sets with it; the other one, which counts seconds alone, may be
-- set back, by years.
local function time_left(self)
  return math.min((self.asks_at - os.time() + 1) * 1000, self.due - uv.hrtime() / 1e6)
end

-- The timer is due, which sleeps an hour at most: the clocks are looked at.
local function on_timer(self)
  if time_left(self) > 1000 then return self:_sleep() end
  if has_users(self) then return self:ask() end
  self:stop()
  self.tell("gone", nil, self)
end

function Stapled:_sleep()
  if self.stopped or core.closing() then return end
  if not handles.usable(self.timer) then self.timer = handles.make(uv.new_timer) end
  uv.update_time()
  self.timer:unref()
  local ms = math.max(1, math.min(time_left(self), LONGEST_SLEEP))
  self.timer:start(math.floor(ms), 0, core.wrap(on_timer, self))
end

local function ask_in(self, ms)
  local wait = with_jitter(ms)
  self.asks_at, self.due = os.time() + wait / 1000, uv.hrtime() / 1e6 + wait
  self:_sleep()
end

-- When half of the time is over; then, of what is left, after each quarter.
local function next_question(self)
  local now, answer = os.time(), self.answer
  local half = answer.thisUpdate + (ends_at(answer) - answer.thisUpdate) / 2
  local seconds = half > now and half - now or math.max(0, ends_at(answer) - now) / 4
  if not answer.nextUpdate then seconds = math.min(seconds, HOUR / 1000) end
  ask_in(self, math.max(seconds * 1000, self.options.retryDelay))
end

local function describe(self, err)
  local subject = (self.certificate.subject or ""):gsub("\n", ", ")
  err.message = ("no OCSP response for %s%s: %s"):format(subject, self.url and " from " .. self.url or "", err.message)
  err.serialNumber, err.url = self.certificate.serialNumber, self.url
  return err
end

local function report(self, err)
  self.error = describe(self, err)
  self.tell("error", err, self)
end

-- The last response stays until its time is over.
local function failed(self, err)
  local delay = self.options.retryDelay * 2 ^ math.min(self.failures, 30)
  self.failures = self.failures + 1
  ask_in(self, math.min(delay, math.max(self.options.maxRetryDelay, self.options.retryDelay)))
  report(self, err)
end

-- Why a response is not to be stapled; nil if it is. The responder, or somebody between, may give an old answer again.
local function fault_of(self, answer)
  if answer.status == "unknown" then
    return errors.new("ERR_OCSP_UNKNOWN", "the certificate is not known to the OCSP responder")
  end
  if ends_at(answer) <= os.time() then return errors.new("ERR_OCSP_EXPIRED", "the OCSP response is too old") end
  if self.answer and answer.thisUpdate < self.answer.thisUpdate then
    return errors.new("ERR_OCSP_REPLAYED", "the OCSP response is older than the one before")
  end
  return nil
end

--- Verifies a response, and staples it from now on.
--- @return table? err
local function take(self, response)
  local answer, err = core.ocsp.verify(response, self.certificate, self.issuer, os.time())
  err = err or fault_of(self, answer)
  if err then return err end
  self.response, self.answer, self.error, self.failures = response, answer, nil, 0
  for context in pairs(self.contexts) do staple(self, context) end
  return nil
end

local function keep(self)
  if not self.options.folder then return end
  local err = response_files.write(self.options.folder, self.certificate, self.response)
  if err then report(self, err) end
end

local function answered(self, response)
  local before = self.response
  local err = take(self, response)
  if err then return failed(self, err) end
  next_question(self)
  if response == before then return end
  keep(self)
  self.tell("staple", self.answer, self)
end

-- What can be known before anybody is asked.
local function mistake_of(self)
  if not self.issuer then
    return errors.new("ERR_OCSP_NO_ISSUER",
      "the certificate of the issuer is not known: put it behind the server's own in 'cert', or into 'ca'")
  end
  if not self.url then
    return errors.new("ERR_OCSP_URL", "the certificate names no OCSP responder: give its address as 'url'")
  end
  if responder_url(self.url) then return nil end
  return errors.new("ERR_OCSP_URL", "this is no address of a responder, http://host:port/path")
end

--- Asks the responder, unless it is being asked. A certificate that cannot be asked about is told of once.
function Stapled:ask()
  if self.stopped or self.cancel then return end
  local mistake = mistake_of(self)
  if mistake then return report(self, mistake) end
  local request = core.ocsp.request(self.certificate, self.issuer)
  local limits = { timeout = self.options.timeout, most = MOST }
  self.cancel = post(responder_url(self.url), request, limits, function(err, response)
    self.cancel = nil
    if err then return failed(self, err) end
    answered(self, response)
  end)
end

-- The response that the folder has, if it is still good.
local function restore(self)
  if not self.options.folder or not self.issuer then return false end
  local response, err = response_files.read(self.options.folder, self.certificate)
  if response then err = take(self, response) end
  if err then report(self, err) end
  return response ~= nil and not err
end

--- There was no memory, see core.wrap: it asks again later.
--- @return boolean ended
function Stapled:_memory_out()
  failed(self, errors.no_memory())
  return true
end

--- Begins: what the folder has, else the responder.
function Stapled:start()
  if not restore(self) then return self:ask() end
  next_question(self)
  self.tell("staple", self.answer, self)
end

--- Another context has this certificate.
--- @param context tls.SecureContext
function Stapled:add(context)
  self.contexts[context], self.added = true, true
  if self.response then staple(self, context) end
end

--- Staples no more, asks no more.
function Stapled:stop()
  self.stopped = true
  if self.cancel then self.cancel() end
  handles.close(self.timer)
  self.cancel, self.timer = nil, nil
  for context in pairs(self.contexts) do set_staple(self, context, "", 0) end
end

--- What is known, for who looks.
--- @return tls.StapleState
function Stapled:state()
  local answer = self.answer or {}
  return {
    subject = self.certificate.subject, serialNumber = self.certificate.serialNumber, url = self.url,
    status = answer.status, thisUpdate = answer.thisUpdate, nextUpdate = answer.nextUpdate,
    isStapled = self.answer ~= nil and ends_at(answer) > os.time(), asking = self.cancel ~= nil,
    asksAt = self.asks_at, error = self.error,
  }
end

return Stapled
