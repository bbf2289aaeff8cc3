-- Handshakes against Node, both ways: names, protocols, sessions, tickets, OCSP, keys, renegotiation.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local encoding = require "tls.stream.encoding"
local tls = require "tls"

local found = os.execute "command -v node >/dev/null 2>&1"
local missing = found ~= true and found ~= 0

local COMMON = [[
const tls = require('tls'), fs = require('fs');
const dir = process.argv[1], port = +process.argv[2], arg = process.argv[3];
const read = (name) => fs.readFileSync(dir + '/' + name);
const pair = (name) => ({key: read(name + '.key'), cert: read(name + '.crt')});
const ca = read('ca.crt');
const say = (...words) => console.log(...words);
const listen = (server) => server.listen(0, '127.0.0.1', () => say('port ' + server.address().port + '.'));
]]

local function node(script, port, arg, on_exit)
  return Child.spawn({ "node", "-e", COMMON .. script, certs.dir, tostring(port), tostring(arg or "") },
    helper.expect(function(status, output)
      assert.equal(0, status, output)
      on_exit((output:gsub("port %d+%.\n", "")))
    end))
end

local function credentials(name, more)
  local options = { key = certs[name].key, cert = certs[name].cert, ca = certs.ca.cert }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

-- Our server, Node's client.
local function serve(options, prepare, script, arg, on_socket)
  local printed
  local server = tls.createServer(options, on_socket or function(socket)
    socket:finish "x"
    socket:resume()
  end)
  if prepare then prepare(server) end
  server:listen(0, "127.0.0.1", function()
    node(script, server:address().port, arg, function(output)
      printed = output
      server:close()
    end)
  end)
  helper.run(30000)
  return printed
end

-- Node's server, our client.
local function visit(script, arg, on_ready)
  local printed
  local child = node(script, 0, arg, function(output) printed = output end)
  child:when("port (%d+)%.", helper.wrap(function(output) on_ready(tonumber(output:match "port (%d+)")) end))
  helper.run(30000)
  return printed
end

local function test(name, fn)
  it(name, function()
    if missing then return pending "skipped: node is not on this machine" end
    fn()
  end)
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("Node over " .. version, function()
    test("as a client asks for a name and a protocol", function()
      local offered
      local printed = serve(credentials("rsa", { maxVersion = version, ALPNCallback = function(info)
        offered = info.protocols
        return "two"
      end }), function(server) server:addContext("*.example.test", credentials "wildcard") end, [[
        const c = tls.connect({port, ca, servername: 'a.example.test', ALPNProtocols: ['one', 'two']}, () => {
          say(c.getProtocol(), c.getPeerCertificate().subject.CN, c.alpnProtocol, c.authorized);
          c.end();
        });
        c.resume();
      ]])
      assert.same({ "one", "two" }, offered)
      assert.equal(version .. " wildcard two true\n", printed)
    end)

    test("as a server is asked for a name and a protocol", function()
      local seen
      local printed = visit([[
        const s = tls.createServer({...pair('ecdsa'), maxVersion: arg,
          SNICallback: (name, done) => setTimeout(() => done(null, tls.createSecureContext(pair('wildcard'))), 5),
          ALPNCallback: ({protocols}) => protocols[1]}, (socket) => {
            say(socket.servername, socket.alpnProtocol);
            socket.end('x');
            s.close();
          });
        listen(s);
      ]], version, function(port)
        local client
        client = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert, servername = "a.example.test",
          ALPNProtocols = { "one", "two" } }, helper.expect(function()
            seen = { client:getPeerCertificate().subject.CN, client.alpnProtocol }
            client:finish()
            client:resume()
          end))
      end)
      assert.same({ "wildcard", "two" }, seen)
      assert.equal("a.example.test two\n", printed)
    end)

    test("as a client resumes", function()
      local printed = serve(credentials("rsa", { maxVersion = version }), nil, [[
        const go = (session, done) => {
          let fresh;
          const c = tls.connect({port, ca, host: '127.0.0.1', session}, () => say(c.isSessionReused(), c.authorized));
          c.on('session', (data) => { fresh = data; });
          c.on('close', () => done && done(fresh));
          c.resume();
        };
        go(undefined, (session) => go(session));
      ]])
      assert.equal("false true\ntrue true\n", printed)
    end)

    test("as a client resumes out of a store", function()
      local store, count = {}, { new = 0, resume = 0 }
      local printed = serve(credentials("rsa", { maxVersion = version, secureOptions = 0x4000 }), function(server)
        server:on("newSession", function(id, data, callback)
          store[id], count.new = data, count.new + 1
          callback()
        end)
        server:on("resumeSession", function(id, callback)
          if store[id] then count.resume = count.resume + 1 end
          callback(nil, store[id])
        end)
      end, [[
        const go = (session, done) => {
          let fresh;
          const c = tls.connect({port, ca, host: '127.0.0.1', session}, () => say(c.isSessionReused()));
          c.on('session', (data) => { fresh = data; });
          c.on('close', () => done && done(fresh));
          c.resume();
        };
        go(undefined, (session) => go(session));
      ]])
      assert.equal("false\ntrue\n", printed)
      assert.equal(1, count.resume)
      assert.equal(version == "TLSv1.2" and 1 or 3, count.new)
    end)

    test("as a server resumes", function()
      local reused = {}
      local printed = visit([[
        let n = 0;
        const s = tls.createServer({...pair('rsa'), maxVersion: arg}, (socket) => {
          say(socket.isSessionReused());
          socket.end('x');
          if (++n === 2) s.close();
        });
        listen(s);
      ]], version, function(port)
        local function go(session, done)
          local client, fresh
          client = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert, session = session },
            helper.expect(function() reused[#reused + 1] = client:isSessionReused() end))
          client:on("session", function(data) fresh = data end)
          client:on("close", helper.expect(function() done(fresh) end))
          client:resume()
        end
        go(nil, function(session) go(session, function() end) end)
      end)
      assert.same({ false, true }, reused)
      assert.equal("false\ntrue\n", printed)
    end)

    test("as a server opens our tickets, and we open its, under one key", function()
      local key = ("0123456789abcdef"):rep(3)
      local mine = credentials("rsa", { maxVersion = version, ticketKeys = key, sessionIdContext = "shared" })
      local reused = {}
      local server = tls.createServer(mine, function(socket)
        socket:finish "x"
        socket:resume()
      end)
      local function go(port, session, done)
        local client, fresh
        client = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert, session = session },
          helper.expect(function() reused[#reused + 1] = client:isSessionReused() end))
        client:on("session", function(data) fresh = data end)
        client:on("close", helper.expect(function() done(fresh) end))
        client:resume()
      end
      server:listen(0, "127.0.0.1")
      visit([[
        let n = 0;
        const s = tls.createServer({...pair('rsa'), maxVersion: arg, sessionIdContext: 'shared',
          ticketKeys: Buffer.from('0123456789abcdef'.repeat(3))}, (socket) => {
          socket.end('x');
          if (++n === 2) s.close();
        });
        listen(s);
      ]], version, function(port)
        go(server:address().port, nil, function(ours)
          go(port, ours, function()
            go(port, nil, function(nodes)
              go(server:address().port, nodes, function() server:close() end)
            end)
          end)
        end)
      end)
      assert.same({ false, true, false, true }, reused)
    end)

    test("staples and reads OCSP responses", function()
      local printed = serve(credentials("rsa", { maxVersion = version }), function(server)
        server:on("OCSPRequest", function(_, _, callback) callback(nil, certs.file "rsa.ocsp") end)
      end, [[
        const c = tls.connect({port, ca, host: '127.0.0.1', requestOCSP: true}, () => c.end());
        c.on('OCSPResponse', (der) => say(der.toString('hex')));
        c.resume();
      ]])
      assert.equal(encoding.encode(certs.file "rsa.ocsp", "hex") .. "\n", printed)
      local response
      visit([[
        const s = tls.createServer({...pair('rsa'), ca, maxVersion: arg}, (socket) => { socket.end('x'); s.close(); });
        s.on('OCSPRequest', (cert, issuer, done) => setTimeout(() => done(null, read('rsa.ocsp')), 5));
        listen(s);
      ]], version, function(port)
        local client = tls.connect { port = port, host = "127.0.0.1", ca = certs.ca.cert, ocsp = "require" }
        client:on("OCSPResponse", helper.expect(function(der) response = der end))
        client:resume()
      end)
      assert.equal(certs.file "rsa.ocsp", response)
    end)

    test("is refused by a client that requires a response, and told why", function()
      local refused
      local printed = visit([[
        const s = tls.createServer({...pair('rsa'), ca, maxVersion: arg}, () => say('accepted'));
        s.on('tlsClientError', (err) => { say(err.code); s.close(); });
        listen(s);
      ]], version, function(port)
        local client = tls.connect { port = port, host = "127.0.0.1", ca = certs.ca.cert, ocsp = "require" }
        client:on("error", helper.expect(function(err) refused = err.code end))
      end)
      assert.equal("ERR_OCSP_MISSING", refused)
      assert.equal("ERR_SSL_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE\n", printed)
    end)

    test("agrees on a pre-shared key", function()
      local key = ("k"):rep(32)
      local options = { ciphers = "PSK+HIGH:TLS_AES_128_GCM_SHA256", maxVersion = version, pskCallback =
        function(_, identity) return identity == "node" and key or nil end }
      local printed = serve(options, nil, [[
        const c = tls.connect({port, ciphers: 'PSK+HIGH:TLS_AES_128_GCM_SHA256', checkServerIdentity: () => {},
          pskCallback: () => ({psk: Buffer.from('k'.repeat(32)), identity: 'node'})}, () => {
            say(c.getProtocol(), c.authorized);
            c.end();
          });
        c.resume();
      ]])
      assert.equal(version .. " true\n", printed)
      local authorized
      printed = visit([[
        const s = tls.createServer({ciphers: 'PSK+HIGH:TLS_AES_128_GCM_SHA256', maxVersion: arg,
          pskIdentityHint: 'hint',
          pskCallback: (socket, identity) => identity === 'lua' ? Buffer.from('k'.repeat(32)) : null}, (socket) => {
            say(socket.getProtocol());
            socket.end('x');
            s.close();
          });
        listen(s);
      ]], version, function(port)
        local client
        client = tls.connect({ port = port, host = "127.0.0.1", ciphers = options.ciphers,
          pskCallback = function() return { psk = key, identity = "lua" } end }, helper.expect(function()
            authorized = client.authorized
            client:finish()
            client:resume()
          end))
      end)
      assert.is_true(authorized)
      assert.equal(version .. "\n", printed)
    end)

    test("logs the same keys", function()
      local mine = {}
      local printed = serve(credentials("rsa", { maxVersion = version }), function(server)
        server:on("keylog", function(line) mine[#mine + 1] = line end)
      end, [[
        const c = tls.connect({port, ca, host: '127.0.0.1'}, () => c.end());
        c.on('keylog', (line) => process.stdout.write(line));
        c.resume();
      ]])
      local theirs = {}
      for line in printed:gmatch "[^\n]*\n" do theirs[#theirs + 1] = line end
      table.sort(mine)
      table.sort(theirs)
      assert.same(theirs, mine)
      assert.equal(version == "TLSv1.3" and 5 or 1, #mine)
    end)
  end)
end

describe("Node over TLSv1.2", function()
  test("renegotiates with our server, within the limit", function()
    local failure
    local printed = serve(credentials("rsa", { maxVersion = "TLSv1.2" }), nil, [[
      let n = 0;
      const c = tls.connect({port, ca, host: '127.0.0.1'}, () => {
        const again = () => c.renegotiate({}, (err) => { say(++n, err); again(); });
        again();
      });
      c.on('error', () => {});
      c.resume();
    ]], nil, function(socket)
      socket:on("error", function(err) failure = err.code end)
      socket:resume()
    end)
    assert.equal("1 null\n2 null\n3 null\n", printed)
    assert.equal("ERR_TLS_SESSION_ATTACK", failure)
  end)

  test("is asked for its certificate later", function()
    local name
    serve(credentials("rsa", { maxVersion = "TLSv1.2" }), nil, [[
      const c = tls.connect({port, ca, host: '127.0.0.1', ...pair('agent')});
      c.on('end', () => c.end());
      c.resume();
    ]], nil, function(socket)
      socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.expect(function(err)
        assert.is_nil(err)
        name = socket:getPeerCertificate().subject.CN
        socket:finish "x"
      end))
      socket:resume()
    end)
    assert.equal("agent", name)
  end)

  test("as a server renegotiates with our client", function()
    local done
    visit([[
      const s = tls.createServer({...pair('rsa'), maxVersion: 'TLSv1.2'}, (socket) => {
        socket.on('data', () => { socket.end('x'); s.close(); });
      });
      listen(s);
    ]], nil, function(port)
      local client
      client = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert }, helper.expect(function()
        client:renegotiate({}, helper.expect(function(err)
          assert.is_nil(err)
          done = true
          client:write "done"
        end))
        client:resume()
      end))
    end)
    assert.is_true(done)
  end)
end)
