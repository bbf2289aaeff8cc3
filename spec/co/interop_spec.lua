-- tls.co with others at the other end: openssl s_client and s_server, Node; and in the other homes of luv.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local co = require "tls.co"
local free_port = require "spec.support.free_port"
local luas = require "spec.support.luas"
local tasks = require "spec.support.tasks"

-- A server that gives lines back reversed, until it is told to stop.
local function reversing(socket)
  local line = socket:read()
  while line and line ~= "stop" do
    assert(socket:write(line:reverse(), "\n"))
    line = socket:read()
  end
  return line
end

describe("co and openssl", function()
  it("s_client talks with a handler", function()
    local last, output
    tasks.run(function()
      local server
      server = tasks.serve({ ca = certs.ca.cert, requestCert = true, rejectUnauthorized = true }, function(socket)
        server:close()
        assert.equal("agent", socket.stream:getPeerCertificate().subject.CN)
        last = reversing(socket)
      end)
      local client = Child.spawn({ "openssl", "s_client", "-quiet", "-connect", "127.0.0.1:" .. server:address().port,
        "-CAfile", certs.ca.cert_file, "-cert", certs.agent.cert_file, "-key", certs.agent.key_file,
        "-verify_return_error" }, helper.expect(function(_, text) output = text end))
      client:write "forwards\n"
      while not client.output:find "sdrawrof" do co.sleep(1) end
      client:write "stop\n"
    end)
    assert.equal("stop", last)
    assert.truthy(output:find("sdrawrof\n", 1, true), output)
  end)

  it("s_server talks with a client", function()
    local port
    free_port(function(number) port = number end)
    helper.run()
    local server = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:" .. port, "-cert", certs.rsa.cert_file,
      "-key", certs.rsa.key_file, "-rev" }, helper.expect())
    tasks.run(function()
      while not server.output:find "ACCEPT" do co.sleep(1) end
      local socket = assert(co.connect { host = "127.0.0.1", servername = "localhost", port = port,
        ca = certs.ca.cert })
      for i = 1, 20 do
        socket:write("line ", i, "\n")
        assert.equal(("line " .. i):reverse(), socket:read())
      end
      socket:close()
      server:stop()
    end)
  end)
end)

local NODE = [[
const tls = require('tls'), fs = require('fs'), readline = require('readline');
const [port, dir] = process.argv.slice(1);
const read = (name) => fs.readFileSync(dir + '/' + name);
]]

local NODE_CLIENT = NODE .. [[
const socket = tls.connect({port, host: '127.0.0.1', servername: 'localhost', ca: read('ca.crt')}, () => {
  let n = 0;
  readline.createInterface({input: socket}).on('line', (line) => {
    console.log(line);
    if (++n < 3) socket.write('number ' + n + '\n');
    else socket.end('stop\n');
  });
  socket.write('number 0\n');
});
]]

local NODE_HALF = NODE .. [[
const socket = tls.connect({port, host: '127.0.0.1', servername: 'localhost', ca: read('ca.crt'), allowHalfOpen: true},
  () => socket.end('x'.repeat(5000)));
socket.on('data', (data) => console.log(String(data)));
socket.on('end', () => console.log('end'));
]]

local NODE_SERVER = NODE .. [[
const server = tls.createServer({key: read('rsa.key'), cert: read('rsa.crt')}, (socket) => {
  socket.on('error', () => {});
  readline.createInterface({input: socket}).on('line', (line) => {
    for (const c of line + '\n') socket.write(c); // a record for each byte
  });
  socket.on('end', () => server.close());
});
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
]]

describe("co and Node", function()
  local function it_with_node(name, fn)
    it(name, function()
      if not luas.have "node" then return pending "skipped: node is not on this machine" end
      fn()
    end)
  end

  it_with_node("its client talks with a handler", function()
    local last, result
    tasks.run(function()
      local server
      server = tasks.serve({}, function(socket)
        server:close()
        last = reversing(socket)
      end)
      Child.spawn({ "node", "-e", NODE_CLIENT, tostring(server:address().port), certs.dir },
        helper.expect(function(status, output) result = { status, output } end))
    end)
    assert.equal("stop", last)
    assert.same({ 0, "0 rebmun\n1 rebmun\n2 rebmun\n" }, result)
  end)

  it_with_node("its client says the end, and hears the answer", function()
    local result
    tasks.run(function()
      local server
      server = tasks.serve({}, function(socket)
        server:close()
        local all = socket:read "a"
        socket:write("heard ", #all, " bytes")
      end)
      Child.spawn({ "node", "-e", NODE_HALF, tostring(server:address().port), certs.dir },
        helper.expect(function(status, output) result = { status, output } end))
    end)
    assert.same({ 0, "heard 5000 bytes\nend\n" }, result)
  end)

  it_with_node("its server talks with a client, byte by byte", function()
    local ended
    local server = Child.spawn({ "node", "-e", NODE_SERVER, "0", certs.dir },
      helper.expect(function(status) ended = status end))
    tasks.run(function()
      while not server.output:find "port %d+\n" do co.sleep(1) end
      local socket = assert(co.connect { host = "localhost", family = 4, ca = certs.ca.cert,
        port = tonumber(server.output:match "port (%d+)") })
      for i = 1, 5 do
        socket:write("this is line ", i, "\n")
        assert.equal("this is line " .. i, socket:read())
      end
      socket:write "7 of 10\nrest\n"
      assert.equal(7, socket:read "n")
      assert.equal(" of 10", socket:read())
      assert.equal(socket, socket:finish())
      assert.equal("rest\n", socket:read "a")
    end)
    assert.equal(0, ended)
  end)
end)

describe("co in the other homes of luv", function()
  local function run(lua, command)
    local env = { "LD_PRELOAD=", "TLS_CERTS=" .. certs.dir, "'LUA_PATH=lua/?.lua;lua/?/init.lua;;'",
      "'LUA_CPATH=" .. (lua.cpath or os.getenv "LUA_CPATH") .. "'" }
    local pipe = assert(io.popen("env " .. table.concat(env, " ") .. " timeout 120 " .. command .. " 2>&1"))
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  for _, home in ipairs { { luas.jit, "luajit spec/support/co_echo.lua" },
    { luas.nvim, "nvim --headless -u NONE -c 'luafile spec/support/co_echo.lua'" } } do
    local lua, command = home[1], home[2]
    it("echoes in " .. lua.name, function()
      if not lua.here then return pending("skipped: " .. lua.name .. " is not on this machine") end
      assert.equal("echoed hello over TLSv1.3\ncancelled ABORT_ERR\n", run(lua, command))
    end)
  end
end)
