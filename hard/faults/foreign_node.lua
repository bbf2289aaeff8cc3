-- Cases against Node, whose process has all of them: see hard/faults/foreign.lua. Its parts know the kinds "full",
-- "mutual" and "resumed".
local uv = require "luv"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local foreign = require "hard.faults.foreign"

local foreign_node = {}

local NODE = [[
const tls = require('tls'), fs = require('fs'), readline = require('readline');
const [dir, theirs, ours, patience] = process.argv.slice(1);
const read = (name) => fs.readFileSync(dir + '/' + name);
const say = (...words) => process.stdout.write(words.join(' ') + '\n');
const half = theirs.length / 2;
function speak(socket) {
  let size = 0;
  socket.write(theirs.slice(0, half));
  socket.on('data', (d) => {
    if (size < half && size + d.length >= half) socket.write(theirs.slice(half));
    size += d.length;
  });
}
function watch(socket, told) {
  let got = '', errors = 0;
  socket.on('data', (d) => { got += d; });
  socket.on('error', () => { errors++; });
  socket.setTimeout(+patience, () => socket.destroy());
  socket.on('close', () => told(ours.startsWith(got) ? '' : 'it has got what was not sent: ' + JSON.stringify(got)));
}
const versions = (version) => ({ minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version });
const mutual = { requestCert: true, rejectUnauthorized: true, ca: read('ca.crt') };
for (const version of ['1.2', '1.3']) for (const kind of ['full', 'mutual', 'resumed']) {
  const server = tls.createServer({ key: read('ed25519.key'), cert: read('ed25519.crt'), handshakeTimeout: +patience,
    ...versions(version), ...(kind === 'mutual' ? mutual : {}) }, (socket) => {
    watch(socket, (fault) => { if (fault) say('broke', fault); });
    speak(socket);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1', () => say('server', kind, version, server.address().port + '.'));
}
const sessions = {}, shown = { key: read('agent.key'), cert: read('agent.crt') };
process.on('uncaughtException', (e) => say('broke', 'Node: ' + e.message));
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [id, port, version, kind] = line.split(' ');
  const resumes = kind === 'resumed';
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: read('ca.crt'),
    ...versions(version), session: resumes ? sessions[version] : undefined, ...(kind === 'mutual' ? shown : {}) },
    () => speak(socket));
  if (resumes) socket.on('session', (data) => { sessions[version] ||= data; });
  watch(socket, (fault) => say('done', id, fault));
});
]]

local node -- its process: child, ports, waiting; sessions of ours, and the kinds of which it has one

local function on_line(line)
  local name, port = line:match "^server (%S+ %S+) (%d+)%.$"
  if name then node.ports[name], node.servers = tonumber(port), node.servers + 1 end
  local id, fault = line:match "^done (%d+) ?(.*)$"
  local done = id and node.waiting[id]
  if done then
    node.waiting[id] = nil
    done(fault)
  end
  if line:find "^broke " then node.fault = line end
end

local SERVERS = 6

--- Starts it; returns whether there is one. `patience` in ms.
function foreign_node.start(patience)
  node = { ports = {}, servers = 0, waiting = {}, sessions = {}, has_session = {}, last = 0, rest = "" }
  local command = { "node", "-e", NODE, certs.dir, foreign.THEIRS, foreign.OURS, tostring(patience) }
  node.child = Child.spawn(command, nil, { limit_ms = 3600000 })
  if not node.child then return false end
  function node.child.on_output(output)
    node.child.output, node.rest = "", node.rest .. output
    node.rest = node.rest:gsub("([^\n]*)\n", function(line)
      on_line(line)
      return ""
    end)
  end
  while node.servers < SERVERS do uv.run "once" end
  return true
end

function foreign_node.stop() node.child:stop() end

--- What it has complained of meanwhile.
function foreign_node.fault()
  local fault = node.fault
  node.fault = nil
  return fault
end

local function port_of(kind) return node.ports[kind.name .. " " .. kind.version] end

local function connect(case, session)
  foreign.client(case, foreign.proxy_to(case, port_of(case.kind)).port, { session = session })
end

function foreign_node.server(case)
  foreign.begin(case)
  function case.closed()
    foreign.end_other(case)
    case.part_done(foreign_node.fault())
  end
  local kind = case.kind
  if not kind.resumes or node.sessions[kind] then return connect(case, node.sessions[kind]) end
  foreign.fetch_session(kind, port_of(kind), function(session)
    node.sessions[kind] = session
    connect(case, session)
  end)
end

local function send(kind, port, done)
  node.last = node.last + 1
  node.waiting[tostring(node.last)] = done
  node.child:write(("%d %d %s %s\n"):format(node.last, port, kind.version, kind.name))
end

-- Its first connection brings the session for all others.
local function bring_session(kind, done)
  if not kind.resumes or node.has_session[kind] then return done() end
  local server = foreign.session_server(kind)
  send(kind, server:address().port, function()
    node.has_session[kind] = true
    server:close()
    done()
  end)
end

function foreign_node.client(case)
  foreign.begin(case)
  local server = foreign.server(case)
  function case.closed()
    server:close()
    foreign.end_other(case)
  end
  bring_session(case.kind, function()
    send(case.kind, foreign.proxy_to(case, server:address().port).port, function(fault)
      case.part_done(fault ~= "" and fault or foreign_node.fault())
    end)
  end)
end

return foreign_node
