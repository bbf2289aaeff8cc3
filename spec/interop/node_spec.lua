-- Against Node, both ways.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local tls = require "tls"

local found = os.execute "command -v node >/dev/null 2>&1"
if found ~= true and found ~= 0 then
  io.stderr:write "\nskipped: node is not on this machine, no interop with it\n"
end

local COMMON = [[
const tls = require('tls'), fs = require('fs');
const [port, dir, cert, version] = process.argv.slice(1);
const read = (name) => fs.readFileSync(dir + '/' + name);
const done = (socket) => socket.on('close', (e) => console.log('close', e));
]]

local CLIENT = COMMON .. [[
const c = tls.connect({port, host: '127.0.0.1', servername: 'localhost',
  ca: read('ca.crt'), key: read('agent.key'), cert: read('agent.crt'),
  ALPNProtocols: ['echo']}, () => {
  console.log(c.getProtocol(), c.authorized, c.alpnProtocol);
  c.write('x'.repeat(1000000));
});
let n = 0;
c.on('data', (d) => { n += d.length; if (n === 1000000) c.end(); });
c.on('end', () => console.log('got', n));
done(c);
]]

local SERVER = COMMON .. [[
const s = tls.createServer({key: read(cert + '.key'), cert: read(cert + '.crt'),
  ca: read('ca.crt'), requestCert: true, rejectUnauthorized: true,
  ALPNProtocols: ['echo'], maxVersion: version}, (socket) => {
  console.log(socket.authorized, socket.getPeerCertificate().subject.CN,
    socket.servername, socket.alpnProtocol);
  socket.pipe(socket);
  done(socket);
  s.close();
});
s.listen(0, '127.0.0.1', () => console.log('port ' + s.address().port + '.'));
]]

local function node(script, port, cert, version, on_exit)
  return child.spawn({ "node", "-e", script, tostring(port), certs.dir, cert,
    version }, on_exit)
end

local function skipped()
  if found == true or found == 0 then return false end
  pending "skipped: node is not on this machine"
  return true
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  for _, cert in ipairs { "rsa", "ecdsa" } do
    describe("Node, " .. version .. ", " .. cert .. ",", function()
      it("is a client of our server", function()
        if skipped() then return end
        local server = tls.createServer({
          key = certs[cert].key, cert = certs[cert].cert, ca = certs.ca.cert,
          requestCert = true, rejectUnauthorized = true, maxVersion = version,
          ALPNProtocols = { "echo" },
        })
        server:on("secureConnection", helper.expect(function(socket)
          assert.is_true(socket.authorized)
          assert.equal("localhost", socket.servername)
          socket:pipe(socket)
          socket:on("close", helper.expect(function(had_error)
            assert.is_false(had_error)
            server:close()
          end))
        end))
        server:listen(0, "127.0.0.1", helper.expect(function()
          node(CLIENT, server:address().port, cert, version,
            helper.expect(function(status, output)
              assert.equal(0, status, output)
              assert.equal(version .. " true echo\ngot 1000000\nclose false\n",
                output)
            end))
        end))
        helper.run(30000)
      end)

      it("is the server of our client", function()
        if skipped() then return end
        local server
        server = node(SERVER, 0, cert, version, helper.expect(function(status, output)
          assert.equal(0, status, output)
          assert.equal("true agent localhost echo\nclose false\n",
            (output:gsub("^port %d+%.\n", "")))
        end))
        server:when("port %d+%.", helper.expect(function(output)
          local client, got = nil, 0
          client = tls.connect({ port = tonumber(output:match "port (%d+)"),
            host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert,
            key = certs.agent.key, cert = certs.agent.cert,
            ALPNProtocols = { "echo" } }, helper.expect(function()
            assert.equal(version, client:getProtocol())
            assert.equal("echo", client.alpnProtocol)
            client:write(("y"):rep(1000000))
          end))
          client:on("data", function(data)
            got = got + #data
            if got == 1000000 then client:finish() end
          end)
          client:on("close", helper.expect(function(had_error)
            assert.is_false(had_error)
            assert.equal(1000000, got)
          end))
        end))
        helper.run(30000)
      end)
    end)
  end
end
