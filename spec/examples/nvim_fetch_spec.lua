-- examples/nvim_fetch.lua in a Neovim without a screen.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local luas = require "spec.support.luas"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

-- What :Fetch has shown, or said.
local WAIT = [[lua vim.wait(20000, function() return said or vim.api.nvim_buf_get_name(0) ~= "" end, 5)]]
local PRINT = [[lua io.write(said or table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "|"), "\n")]]
local NOTE = [[lua vim.notify = function(text, level) said = level .. " " .. text end]]

local function fetch(...)
  local command = { "env", "LD_PRELOAD=", "LUA_CPATH=" .. luas.nvim.cpath, "LUA_PATH=lua/?.lua;lua/?/init.lua;;",
    "NVIM_LOG_FILE=/dev/null", "nvim", "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", NOTE, "-c",
    "luafile examples/nvim_fetch.lua", "-c", "Fetch " .. table.concat({ ... }, " "), "-c", WAIT, "-c", PRINT, "-c",
    "qa!" }
  local status, output = programs.run(command)
  assert.equal(0, status, output)
  return (output:gsub("\r", ""))
end

-- A server that answers one request in this way; visitor(address).
local function serve(answer, visitor)
  tasks.run(function()
    local server = assert(co.listen({ host = "127.0.0.1", port = 0, key = certs.rsa.key, cert = certs.rsa.cert,
      onError = function() end }, function(socket)
        local head = socket:read_until "\r\n\r\n"
        if head then answer(socket, head) end
      end))
    visitor("https://localhost:" .. server:address().port)
    server:close()
  end)
end

local function of_nvim(name, fn)
  it(name, function()
    if not luas.nvim.here then pending "skipped: Neovim, or LuaJIT's headers, are not on this machine" end
    fn()
  end)
end

describe("examples/nvim_fetch.lua", function()
  of_nvim("fetches a page into a buffer", function()
    local asked
    serve(function(socket, head)
      asked = head
      socket:finish("HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\none\r\ntwo\n# vim: set ro :\n\0\n")
    end, function(url)
      assert.equal("one|two|# vim: set ro :|\n\n", (fetch(url .. "/a?b", certs.ca.cert_file):gsub("%z", "\n")))
      assert.matches("^GET /a%?b HTTP/1.1\r\nHost: localhost:%d+\r\n", asked)
    end)
  end)

  of_nvim("takes chunks, and leaves a server that never ends a page", function()
    serve(function(socket)
      socket:finish "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\n\ntwo\r\n0\r\n\r\n"
    end, function(url) assert.equal("one|two\n", fetch(url, certs.ca.cert_file)) end)
    serve(function(socket)
      socket:write "HTTP/1.1 200 OK\r\n\r\n"
      while socket:write "x\n" do co.sleep(100) end
    end, function(url) assert.matches("^4 Fetch: .*ERR_TIMEOUT", fetch(url, certs.ca.cert_file)) end)
  end)

  of_nvim("tells by vim.notify what goes wrong", function()
    for answer, said in pairs {
      ["HTTP/1.1 404 Not Found\r\n\r\n"] = "status 404\n",
      ["HTTP/1.1 301 Moved\r\nLocation: https://elsewhere/\r\n\r\n"] = "status 301: it is at https://elsewhere/\n",
      ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"] = "the server has closed the connection too early\n",
      ["HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx"] = "the body is packed, which nobody has asked for\n",
      ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"] =
        "a body in a form that is not known\n",
      ["HTTP/1.1 301 Moved\r\nLocation: /\27[2J\r\n\r\n"] = "status 301: it is at /?[2J\n",
      ["HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n"] = "the body is longer than 4194304 bytes\n",
      ["hello\r\n\r\n"] = "this is not an answer of HTTP/1\n",
    } do
      serve(function(socket) socket:finish(answer) end, function(url)
        assert.equal("4 Fetch: " .. said, fetch(url, certs.ca.cert_file))
      end)
    end
    serve(function(socket)
      socket:write "HTTP/1.1 200 OK\r\n\r\nhalf a page"
      socket:flush()
      socket.stream._handle:close() -- without TLS's end
    end, function(url)
      assert.matches("^4 Fetch: the server has closed the connection too early", fetch(url, certs.ca.cert_file))
    end)
  end)

  of_nvim("shows nothing of a server that is not trusted, or not there", function()
    serve(function(socket) socket:finish "HTTP/1.1 200 OK\r\n\r\nsecret" end, function(url)
      local said = fetch(url, certs.otherca.cert_file)
      assert.truthy(said:find("unable to verify", 1, true), said)
      assert.matches("^4 Fetch: .*/no/ca", fetch(url, "/no/ca"))
    end)
    helper.run()
    tasks.run(function()
      for _, url in ipairs { "http://localhost/", "https://a_b/", "https://localhost/<a>" } do
        assert.matches("^4 Fetch: not https://HOST", fetch(url))
      end
    end)
  end)
end)
