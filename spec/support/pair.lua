-- A TLS server and a client of it, and what each of them saw, in order.
local helper = require "spec.helper"
local tls = require "tls"

local pair = {}

local NAMES = { "secureConnect", "end", "finish", "error", "close" }

--- Note the events of 'socket' in 'result[side]': names, and an error's code.
local function watch(socket, result, side)
  local log = result[side]
  for _, name in ipairs(NAMES) do
    socket:on(name, function(value)
      if name == "error" then
        result[side .. "_failure"] = value
        value = value.code
      end
      log[#log + 1] = name .. (value ~= nil and " " .. tostring(value) or "")
    end)
  end
end

--- Run one connection to its end. 'server' and 'client' are options; the
-- server echoes unless on_server(socket) is given; the client ends at once
-- unless on_client(socket) is given. Returns what both saw:
--   result.client, .server: events; .client_failure, .server_failure: errors;
--   .client_error: of the server's 'tlsClientError'; .connected, .accepted,
--   .client_errors: how often; .socket: the client
-- prepare(server) is called before it listens, begin(client) before it has
-- connected.
function pair.run(server_options, client_options, on_server, on_client, prepare, begin)
  local result = { client = {}, server = {}, client_errors = 0, accepted = 0 }
  local server = tls.createServer(server_options, function(socket)
    result.accepted = result.accepted + 1
    watch(socket, result, "server")
    if on_server then return on_server(socket) end
    socket:pipe(socket)
  end)
  server:on("tlsClientError", function(err, socket)
    result.client_errors = result.client_errors + 1
    result.client_error = err
    socket:on("data", helper.never "data of a refused client")
  end)
  if prepare then prepare(server) end
  server:listen(0, "127.0.0.1", function()
    local options = {
      port = server:address().port, host = "127.0.0.1",
    }
    for name, value in pairs(client_options) do options[name] = value end
    if options.host == false then options.host = nil end
    local socket
    socket = tls.connect(options, function()
      result.connected = (result.connected or 0) + 1
      if on_client then return on_client(socket) end
      socket:finish()
    end)
    result.socket = socket
    watch(socket, result, "client")
    if begin then begin(socket) end
    socket:on("close", function() server:close() end)
  end)
  helper.run()
  return result
end

return pair
