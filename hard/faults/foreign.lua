-- Faults between an end of ours and another program's: `openssl s_client` and `s_server`, a process for each
-- connection, and Node, whose process has all of them. Each end sends its data, and ours ends when all of the other's
-- has come. Of the other program it is seen that what it prints is how our data begins; ours has to hold what
-- hard/faults/ends.lua says.
local uv = require "luv"
local tls = require "tls"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local ends = require "hard.faults.ends"
local pattern = require "hard.faults.pattern"
local Proxy = require "hard.faults.proxy"

local foreign = {}

local SIZE = 400
local OURS, THEIRS = pattern.make("c", SIZE), pattern.make("d", SIZE)
local SOON = 200 -- ms that the other program has to see that the connection has ended, before it is ended

-- Ours sends and, when it has all, finishes.
local function speak(case, socket)
  local self = case.ours
  function self.on_progress()
    if self.size >= SIZE then socket:finish() end
  end
  socket:write(OURS)
end

-- What is left of the connection is taken from the other program, which ends.
local function end_other(case, child)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(SOON, 0, function()
    timer:close()
    if case.link then case.link:reset() end
    if child then child:stop() end
  end)
end

--- What is not ours in what a program has printed; nil: nothing.
local function printed_fault(output)
  if output:find "^broke " or output:find "^it has got " then return output end
  local at = output:find("c0000000", 1, true)
  if not at then return output:find "c000%x%x%x%x" and "it has got data without its beginning" or nil end
  local n = 0
  while n < SIZE and output:byte(at + n) == OURS:byte(n + 1) do n = n + 1 end
  if output:find("c000%x%x%x%x", at + n) then return "it has got data twice, or out of order" end
end

-- For 'close' of ours, and for the other program's end.
local function new_case(case)
  local parts, printed = 2, ""
  case.ours = ends.new()
  function case.told() return "ours: " .. ends.told(case.ours) end
  function case.part_done(output)
    parts, printed = parts - 1, output or printed
    if parts > 0 then return end
    -- it may have ended well before it has sent anything: what it has said is not known
    case.fault = ends.fault(case.ours, THEIRS, 0) or printed_fault(printed)
    case.worked = #case.ours.errors == 0 and case.ours.size == SIZE and not case.ours.truncated
    case.done(case)
  end
end

local function watch(case, socket)
  ends.watch(case.ours, socket, function()
    case.closed()
    case.part_done()
  end)
  ends.deadline("other", socket, case.patience)
end

-- === openssl s_client, our server ===

local function our_server(case)
  local server = tls.createServer({ key = certs.ed25519.key, cert = certs.ed25519.cert,
    handshakeTimeout = case.patience }, function(socket)
    case.ours.secure = true
    watch(case, socket)
    speak(case, socket)
  end)
  server:on("tlsClientError", function(err, socket)
    if not case.ours.socket then watch(case, socket) end
    ends.note(case.ours, "error", err)
  end)
  return server:listen(0, "127.0.0.1")
end

-- One connection's own proxy.
local function proxy_to(case, port)
  local proxy = Proxy.new(port)
  proxy.on_upstream = function(link)
    case.link = link
    proxy:close()
    proxy:expect(link.port, case.faults, function() end)
  end
  return proxy
end

function foreign.s_client(case)
  new_case(case)
  local server = our_server(case)
  local proxy = proxy_to(case, server:address().port)
  local child = Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. proxy.port, "-quiet",
    case.version == "1.2" and "-tls1_2" or "-tls1_3", "-CAfile", certs.ca.cert_file, "-verify_return_error",
    "-servername", "localhost" }, function(_, output) case.part_done(output) end)
  child:write(THEIRS)
  function case.closed()
    server:close()
    end_other(case, child)
  end
end

-- === openssl s_server, our client ===

local function our_client(case, port)
  local socket
  socket = tls.connect({ port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }, function()
    speak(case, socket)
  end)
  watch(case, socket)
  return socket
end

function foreign.s_server(case)
  new_case(case)
  local child
  child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1",
    case.version == "1.2" and "-tls1_2" or "-tls1_3", "-cert", certs.ed25519.cert_file, "-key",
    certs.ed25519.key_file }, function(_, output) case.part_done(output) end)
  child:write(THEIRS)
  function case.closed() end_other(case, child) end
  function child.on_output(output)
    local port = output:match "ACCEPT [%d.]+:(%d+)\n"
    if not port then return end
    child.on_output = nil
    our_client(case, proxy_to(case, tonumber(port)).port)
  end
end

-- === Node ===

local NODE = [[
const tls = require('tls'), fs = require('fs'), readline = require('readline');
const [dir, theirs, ours, patience] = process.argv.slice(1);
const read = (name) => fs.readFileSync(dir + '/' + name);
const say = (...words) => process.stdout.write(words.join(' ') + '\n');
function watch(socket, told) {
  let got = '', errors = 0;
  socket.on('data', (d) => { got += d; });
  socket.on('error', () => { errors++; });
  socket.setTimeout(+patience, () => socket.destroy());
  socket.on('close', () => told(ours.startsWith(got) ? '' : 'it has got what was not sent: ' + JSON.stringify(got)));
}
for (const version of ['1.2', '1.3']) {
  const server = tls.createServer({ key: read('ed25519.key'), cert: read('ed25519.crt'), handshakeTimeout: +patience,
    minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version }, (socket) => {
    watch(socket, (fault) => { if (fault) say('broke', fault); });
    socket.write(theirs);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1', () => say('server', version, server.address().port + '.'));
}
process.on('uncaughtException', (e) => say('broke', 'Node: ' + e.message));
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [id, port, version] = line.split(' ');
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: read('ca.crt'),
    minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version }, () => socket.write(theirs));
  watch(socket, (fault) => say('done', id, fault));
});
]]

local node -- its process: child, ports, waiting

local function on_line(line)
  local version, port = line:match "^server (%S+) (%d+)%.$"
  if version then node.ports[version] = tonumber(port) end
  local id, fault = line:match "^done (%d+) ?(.*)$"
  if id then node.waiting[tonumber(id)](fault) end
  if line:find "^broke " then node.fault = line end
end

--- Starts it; returns whether there is one. `patience` in ms.
function foreign.start_node(patience)
  node = { ports = {}, waiting = {}, last = 0, rest = "" }
  local command = { "node", "-e", NODE, certs.dir, THEIRS, OURS, tostring(patience) }
  node.child = Child.spawn(command, nil, { limit_ms = 3600000 })
  if not node.child then return false end
  function node.child.on_output(output)
    node.child.output, node.rest = "", node.rest .. output
    node.rest = node.rest:gsub("([^\n]*)\n", function(line)
      on_line(line)
      return ""
    end)
  end
  while not (node.ports["1.2"] and node.ports["1.3"]) do uv.run "once" end
  return true
end

function foreign.stop_node() node.child:stop() end

-- What it has complained of meanwhile.
local function node_fault()
  local fault = node.fault
  node.fault = nil
  return fault
end

function foreign.node_server(case)
  new_case(case)
  function case.closed()
    end_other(case)
    case.part_done(node_fault())
  end
  our_client(case, proxy_to(case, node.ports[case.version]).port)
end

function foreign.node_client(case)
  new_case(case)
  local server = our_server(case)
  local proxy = proxy_to(case, server:address().port)
  node.last = node.last + 1
  local id = node.last
  node.waiting[id] = function(fault)
    node.waiting[id] = nil
    case.part_done(fault ~= "" and fault or node_fault())
  end
  node.child:write(("%d %d %s\n"):format(id, proxy.port, case.version))
  function case.closed()
    server:close()
    end_other(case)
  end
end

return foreign
