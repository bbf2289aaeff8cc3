-- examples/https_get.lua with Node's server, openssl s_server, our own, and answers that no good server gives.
require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local command = require "spec.support.command"
local tasks = require "spec.support.tasks"

local LUA = os.getenv "LUA" or "lua5.4"

-- Fetches what the path of a port is, with more words in the command.
local function get(port, path, ...)
  local words = { LUA, "examples/https_get.lua", "--ca", certs.ca.cert_file, ... }
  words[#words + 1] = ("https://localhost:%d%s"):format(port, path)
  return command.run(words)
end

local function fails(text, status, output)
  assert.equal(1, status, output)
  assert.truthy(output:find(text, 1, true), output)
  assert.is_nil(output:find("traceback", 1, true), output)
end

-- What the program makes of an answer, byte for byte; `seen.request` is what it has asked. The answer may be a function
-- of the socket.
local function answered(answer, path)
  local seen = {}
  tasks.run(function()
    local server = tasks.serve({}, function(socket)
      seen.request = assert(socket:read_until "\r\n\r\n") .. "\n"
      if type(answer) == "function" then return answer(socket) end
      for part in answer:gmatch "[^|]+" do socket:write(part) end
    end)
    seen.status, seen.output = get(server:address().port, path or "/")
    server:close()
  end)
  return seen
end

local NODE = [[
const https = require('https'), fs = require('fs');
const [cert, key] = process.argv.slice(1);
const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (req, res) => {
  const to = { '/away': '/a/b?x=1', '/a/b?x=1': 'c', '/loop': '/loop', '/plain': 'http://localhost:1/',
    '/same': `https://localhost:${server.address().port}/chunked` }[req.url];
  if (to) { res.writeHead(302, { Location: to }); return res.end('not this'); }
  if (req.url === '/a/c') return res.end('found');
  if (req.url === '/missing') { res.statusCode = 404; return res.end('nothing\n'); }
  if (req.url === '/slow') return res.write('part');
  let left = 1000;
  (function more() {
    if (left-- === 0) return res.end();
    res.write('x'.repeat(1000)) ? more() : res.once('drain', more);
  })();
});
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
]]

-- visitor(port) in a task, with a server of Node's.
local function node(visitor)
  tasks.run(function()
    local server = command.start({ "node", "-e", NODE, certs.ecdsa.cert_file, certs.ecdsa.key_file }, "port (%d+)")
    visitor(tonumber(server.found))
    server:stop()
  end)
end

describe("examples/https_get.lua", function()
  it("takes chunks from Node, and follows redirects of every form", function()
    node(function(port)
      for _, path in ipairs { "/chunked", "/same" } do
        local status, output = get(port, path)
        assert.equal(0, status, output)
        assert.is_true(output == ("x"):rep(1000000))
      end
      local status, output = get(port, "/away")
      assert.equal("found", output)
      assert.equal(0, status)
    end)
  end)

  it("does not leave TLS, ends loops, and says what a server refuses", function()
    node(function(port)
      fails("not an https URL: http://localhost:1/", get(port, "/plain"))
      fails("more than 5 redirects", get(port, "/loop"))
      fails("more than 1 redirects", get(port, "/away", "--redirects", "1"))
      local status, output = get(port, "/missing")
      fails("the server answers 404", status, output)
      fails("nothing\n", status, output)
    end)
  end)

  it("has a limit and a deadline, and prints no part of a body", function()
    node(function(port)
      local status, output = get(port, "/chunked", "--max", "999999")
      assert.same({ 1, "https_get.lua: the body is longer than 999999 bytes\n" }, { status, output })
      assert.equal(0, (get(port, "/chunked", "--max", "1000000")))
      status, output = get(port, "/slow", "--deadline", "1")
      assert.same({ 1, "https_get.lua: no answer in 1 seconds\n" }, { status, output })
    end)
  end)

  it("takes what ends with the connection, from openssl s_server -WWW", function()
    tasks.run(function()
      local server = command.start({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file,
        "-key", certs.rsa.key_file, "-WWW" }, "ACCEPT [%d.]+:(%d+)\n")
      local status, output = get(tonumber(server.found), "/LICENSE")
      server:stop()
      local file = assert(io.open "LICENSE")
      assert.equal(file:read "*a", output)
      file:close()
      assert.equal(0, status)
    end)
  end)

  it("takes a length from examples/https_server.lua", function()
    tasks.run(function()
      local server = command.start({ LUA, "examples/https_server.lua", "--port", "0", "--cert", certs.rsa.cert_file,
        "--key", certs.rsa.key_file }, ":(%d+)/")
      local status, output = get(tonumber(server.found), "/LICENSE")
      server:stop()
      assert.equal(0, status)
      assert.truthy(output:find("^MIT License"), output)
    end)
  end)

  it("has its deadline in the handshake and in a head without an end as well", function()
    tasks.run(function()
      local ended = 0
      local function count(socket)
        socket:read "a" -- until the client has gone
        ended = ended + 1
      end
      local silent = tasks.serve({ plain = true }, count)
      local status, output = get(silent:address().port, "/", "--deadline", "1")
      assert.same({ 1, "https_get.lua: no answer in 1 seconds\n" }, { status, output })
      local slow = tasks.serve({ onError = function() end }, function(socket)
        socket:write "HTTP/1.1 200 OK\r\n"
        while socket:write "X: y\r\n" do co.sleep(50) end
        ended = ended + 1
      end)
      status, output = get(slow:address().port, "/", "--deadline", "1")
      assert.same({ 1, "https_get.lua: no answer in 1 seconds\n" }, { status, output })
      command.wait_for(function() return ended == 2 end)
      silent:close()
      slow:close()
    end)
  end)

  it("trusts only whom it is told to", function()
    tasks.run(function()
      local server = command.start({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
        certs.wrongname.cert_file, "-key", certs.wrongname.key_file, "-WWW" }, "ACCEPT [%d.]+:(%d+)\n")
      fails("[ERR_TLS_CERT_ALTNAME_INVALID]", get(tonumber(server.found), "/LICENSE"))
      fails("unable to verify", get(tonumber(server.found), "/LICENSE", "--ca", certs.otherca.cert_file))
      server:stop()
    end)
  end)

  it("asks as a client of HTTP/1.1 has to", function()
    local seen = answered(
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n|HTTP/1.1 200 OK\r\nContent-Length:  2 \r\n\r\nhi",
      "?q=1#part")
    assert.same({ 0, "hi" }, { seen.status, seen.output })
    assert.truthy(seen.request:find "^GET /%?q=1 HTTP/1.1\r\nHost: localhost:%d+\r\n", seen.request)
  end)

  it("takes chunks in pieces, with extensions and trailers", function()
    local seen = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "3;a=|b\r\nab|c\r|\n02\r\nde\r\n0\r\nX: y\r\n\r\n")
    assert.same({ 0, "abcde" }, { seen.status, seen.output })
  end)

  it("takes a body in very many pieces", function()
    local seen = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      ("1\r\nx\r\n"):rep(10000) .. "2\r\nyz\r\n0\r\n\r\n")
    assert.equal(0, seen.status)
    assert.is_true(seen.output == ("x"):rep(10000) .. "yz")
  end)

  it("refuses a body that is cut off, in each form", function()
    for _, answer in ipairs {
      "Content-Length: 3\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n3\r\nab", "Transfer-Encoding: chunked\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "Content-Length: 3\r\n",
    } do
      local seen = answered("HTTP/1.1 200 OK\r\n" .. answer)
      assert.equal(1, seen.status, answer)
      assert.truthy(seen.output:find "too early" or seen.output:find "PREMATURE", seen.output)
    end
    local seen = answered(function(socket)
      socket:write "HTTP/1.1 200 OK\r\n\r\nhalf"
      socket:flush()
      socket.stream._handle:shutdown() -- TCP ends, TLS does not
      socket:read "a"
    end)
    assert.same({ 1, "https_get.lua: the server has closed the connection too early\n" }, { seen.status, seen.output })
  end)

  it("refuses what is not HTTP, or could be read in two ways", function()
    for answer, text in pairs {
      ["220 mail.example\r\n\r\n"] = "not an answer of HTTP/1",
      ["HTTP/1.1 200 OK\r\nno header\r\n\r\n"] = "a header that is none",
      ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"] = "the length of the body is 1, 2",
      ["HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"] = "the length of the body is -1",
      ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"] = "a form that is not known",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"] = "a form that is not known",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"] = "a chunk without a length",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc"] = "longer than it says",
      ["HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n"] = "longer than 16777216 bytes",
      ["HTTP/1.1 302 Found\r\nLocation: https://a b/\r\n\r\n"] = "not an URL that can be asked for",
      ["HTTP/1.1 302 Found\r\nLocation: https://u:p@localhost/\r\n\r\n"] = "not an URL that can be asked for",
      ["HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"] = "not an https URL",
      ["HTTP/1.1 200 OK\r\nX: " .. ("y"):rep(70000)] = "[ERR_CO_LIMIT]",
      ["HTTP/1.1 200 OK\r\nX: " .. ("y"):rep(1048576) .. "\r\n\r\n"] = "[ERR_CO_LIMIT]",
      ["HTTP/1.1 200 OK\r\n" .. ("X: y\r\n"):rep(20000)] = "[ERR_CO_LIMIT]",
      ["HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde"] = "the length of the body is +5",
      ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"] = "the length of the body is 5, 5",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"] = "not known",
      ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] = "HTTP/1.0 has no chunks",
      ["HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\31\139"] = "the body is packed",
      ["HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"] = "another protocol",
      ["HTTP/1.1 200 OK\r\n folded: x\r\n\r\n"] = "a header that is none",
      ["HTTP/1.1 302 Found\r\nLocation: /a\nEvil: 1\r\n\r\n"] = "not an URL that can be asked for: https://localhost:",
      ["HTTP/1.1 302 Found\r\nLocation: /a\rEvil: 1\r\n\r\n"] = "?Evil: 1",
      ["HTTP/1.1 302 Found\r\nLocation: https://localhost:0/\r\n\r\n"] = "not an URL that can be asked for",
      ["HTTP/1.1 302 Found\r\nLocation: https://localhost:65536/\r\n\r\n"] = "not an URL that can be asked for",
    } do
      local seen = answered(answer)
      fails(text, seen.status, seen.output)
    end
  end)

  it("believes no length of a chunk that is not digits alone", function()
    local sizes = { "FFFFFFFFFFFFFFFF", "0000000000000001", "-1", "+1", "0x1", " 1", "1 ", "1\n", "", ";a=b" }
    for _, size in ipairs(sizes) do
      local seen = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. size .. "\r\nx\r\n0\r\n\r\n")
      fails("a chunk without a length", seen.status, seen.output)
    end
    local seen = answered "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\nx"
    fails("the body is longer than 16777216 bytes", seen.status, seen.output)
  end)

  it("says how it is used", function()
    tasks.run(function()
      local url = "https://localhost/"
      for _, words in ipairs { {}, { "--max" }, { "--max", "x", url }, { "--max", "9999999999", url },
        { "--what", "1", url }, { "-h" }, { url, url } } do
        fails("usage: ", command.run { LUA, "examples/https_get.lua", (table.unpack or unpack)(words) })
      end
      fails("not an https URL", command.run { LUA, "examples/https_get.lua", "http://localhost/" })
      fails("/no/ca", command.run { LUA, "examples/https_get.lua", "--ca", "/no/ca", "https://localhost:1/" })
    end)
  end)
end)
