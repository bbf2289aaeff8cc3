--- Internal. The events of sockets and servers: while tls.debug looks, a listener for another one is told. It may be
-- the user's own event, so nothing is thrown.
-- @module tls.stream.event_names

local debug_lines = require "tls.support.debug_lines"
local errors = require "tls.support.errors"
local nearest = require "tls.options.nearest"

local event_names = {}

local function set(...)
  local names = {}
  for name in table.concat({ ... }, " "):gmatch "%S+" do names[name] = {} end
  return names
end

local EVERY = "newListener removeListener error close"
local STREAM = "data readable end drain finish pipe unpipe pause resume"
local SOCKET = "connect ready lookup timeout connectionAttempt connectionAttemptFailed connectionAttemptTimeout"
local TLS_SOCKET = "secureConnect secure session keylog OCSPResponse earlyData"
local SERVER = "listening connection drop"
local TLS_SERVER = "secureConnection tlsClientError clientError newSession resumeSession OCSPRequest clientHello " ..
  "earlyData keylog"

local BY_CLASS = {
  ["net.Socket"] = set(EVERY, STREAM, SOCKET), ["tls.TLSSocket"] = set(EVERY, STREAM, SOCKET, TLS_SOCKET),
  ["net.Server"] = set(EVERY, SERVER), ["tls.Server"] = set(EVERY, SERVER, TLS_SERVER),
}

local OTHER_WORDS = { ["tls.Server"] = { connect = "secureConnection", secure = "secureConnection" } }

local function role_of(object, class)
  if class:find "Server$" then return "listener" end
  if not object.encrypted then return "socket" end
  return object._options.isServer and "server" or "client"
end

--- To be called, when debug_lines.on is not false, before a listener is added.
--- @param object table an emitter
--- @param name any
function event_names.check(object, name)
  local class = object._class.__meta.__name -- also where a proxy of the program's stands for it
  local known = BY_CLASS[class]
  if not known or type(name) ~= "string" or known[name] then return end
  local others = OTHER_WORDS[class]
  local meant = others and others[name] or nearest(name, known)
  local cure = meant and ("; did you mean '%s'?"):format(meant) or ""
  local err = errors.placed(errors.new("", ("%s has no event '%s'%s"):format(class, name, cure)))
  debug_lines.write(object, role_of(object, class), debug_lines.message(err.message))
end

return event_names
