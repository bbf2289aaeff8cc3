-- Runs spec/support/raw_peer.c, a TLS peer that does what our own sockets never do.
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local helper = require "spec.helper"

local raw_peer = {}

local function spawn(args, on_exit)
  local command = { (os.getenv "TLS_BUILD" or "build") .. "/raw_peer" }
  for _, word in ipairs(args) do command[#command + 1] = tostring(word) end
  local child = Child.spawn(command, helper.expect(on_exit))
  if not child then error(command[1] .. " is missing: make " .. command[1]) end
  return child
end

--- A client of TLS 1.2 (12) or 1.3 (13) that answers each message with "seen".
--- @param shown string names of certificates, "-" for none: one for each time that one is asked for
--- @param behind string? data that it sends right behind the Finished of each handshake but the first
--- @param on_exit? fun(status, output)
function raw_peer.client(port, version, shown, behind, on_exit)
  return spawn({ "client", port, version, certs.dir, shown, behind }, on_exit)
end

--- A server that begins another handshake at each message. Calls on_port(port) when it listens.
function raw_peer.server(version, shown, behind, on_port)
  local child = spawn({ "server", version, certs.dir, shown, behind })
  child:when("PORT %d+\n", helper.wrap(function(output) on_port(tonumber(output:match "PORT (%d+)")) end))
  return child
end

--- A client that takes a ticket from one server, and offers another one that ticket behind a pre-shared key of which it
-- knows no more than the identity.
--- @param label string what the ticket's binder is made with: "ext binder" or "res binder"
function raw_peer.two_keys(ticket_port, port, identity, label, on_exit)
  return spawn({ "two-keys", ticket_port, port, identity, label }, on_exit)
end

--- A client of TLS 1.2 by the key ("\1\2\3\4"):rep(8) that sends "A" 64 times and, in one record, both messages of
-- another handshake.
function raw_peer.one_record(port, identity, on_exit)
  return spawn({ "one-record", port, identity }, on_exit)
end

return raw_peer
