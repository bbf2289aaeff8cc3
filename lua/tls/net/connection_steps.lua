--- Internal. What tls.debug shows of a connection below TLS: where it listens and connects, and how it ends. Each
-- function is called when `debug_lines.on` is set.
-- @module tls.net.connection_steps

local debug_lines = require "tls.support.debug_lines"

local shown, write = debug_lines.shown, debug_lines.write

local steps = {}

local function role(socket)
  if not socket.encrypted then return "socket" end
  return socket._options.isServer and "server" or "client"
end

--- Writes a line about a socket.
--- @param socket net.Socket
--- @param format string
--- @param ... any its arguments
function steps.write(socket, format, ...) write(socket, role(socket), format:format(...)) end

local function place(address, port)
  if not port then return shown(address) end
  return (address:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(shown(address), port)
end

-- An end of luv's handle, as `name` ('getsockname', 'getpeername') gives it; nil when it has none.
local function end_of(handle, name)
  local ok, found = pcall(function() return handle[name](handle) end)
  if not ok or found == "" then return nil end
  if type(found) == "string" then return shown(found) end
  return type(found) == "table" and place(found.ip, found.port) or nil
end

-- 'message [CODE]', or the message alone when the code stands in it; of any object.
local function text_of(err)
  local ok, message, code = pcall(function() return err.message, err.code end)
  if not ok or not message then return debug_lines.message(err) end
  message, code = debug_lines.message(message), code and debug_lines.message(code)
  if not code or message:find(code, 1, true) then return message end
  return ("%s [%s]"):format(message, code)
end

--- @param err any
--- @param list tls.FoundAddress[]?
function steps.looked_up(socket, host, err, list)
  if err then return steps.write(socket, "lookup of %s failed: %s", shown(host), text_of(err)) end
  local found = {}
  for i, entry in ipairs(list) do found[i] = shown(entry.addr) end
  steps.write(socket, "looked up %s: %s", shown(host), table.concat(found, ", "))
end

--- @param number integer of this attempt
--- @param count integer how many there may be
function steps.attempt(socket, address, port, host, number, count)
  local named = host and host ~= address and shown(host) .. ", " or ""
  local which = (named ~= "" or count > 1) and (" (%sattempt %d of %d)"):format(named, number, count) or ""
  steps.write(socket, "connecting to %s%s", place(address, port), which)
end

function steps.attempt_failed(socket, address, port, err)
  steps.write(socket, "attempt failed: %s (%s)", shown(err.code), place(address, port))
end

--- The next address is tried as well.
function steps.attempt_is_slow(socket, address, port, delay)
  steps.write(socket, "no answer from %s within %d ms", place(address, port), delay)
end

function steps.connected(socket, handle)
  local here, there = end_of(handle, "getsockname"), end_of(handle, "getpeername")
  steps.write(socket, "connected%s%s", here and " from " .. here or "", there and " to " .. there or "")
end

function steps.listening(server, handle)
  write(server, "listener", "listening on " .. (end_of(handle, "getsockname") or "a handle"))
end

function steps.stopped_listening(server) write(server, "listener", "closed") end

function steps.accepted(server, socket, handle)
  local there = end_of(handle, "getpeername")
  steps.write(socket, "accepted%s by listener %d", there and " from " .. there or "", debug_lines.number(server))
end

--- @param why string
function steps.not_accepted(server, handle, why)
  local there = end_of(handle, "getpeername")
  write(server, "listener", ("connection%s closed: %s"):format(there and " from " .. there or "", why))
end

local function alert_of(err)
  local ok, alert, direction = pcall(function() return err.alert, err.alertDirection end)
  if not ok or not alert then return "" end
  return (", alert %s %s"):format(shown(alert), shown(direction))
end

--- The socket is being destroyed.
--- @param err any
function steps.closed(socket, err)
  local why = err and (" with an error: %s%s;"):format(text_of(err), alert_of(err)) or ":"
  steps.write(socket, "closed%s %d bytes read, %d written", why, socket._bytes_read, socket._bytes_written)
end

return steps
