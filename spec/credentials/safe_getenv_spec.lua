-- A program with more privileges than who started it does not let the environment say whom to trust, nor where to write
-- secrets or whether to show the steps of connections.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local luas = require "spec.support.luas"
local tls = require "tls"

-- Prints what came from the environment; connects to the server at the port that is its argument.
local PROGRAM = [[
local tls, core = require "tls", require "tls.core"
print("user", io.open "/proc/self/status":read "*a":match "Uid:\t(%d+)\t(%d+)")
print("extra", #tls.getCACertificates "extra")
print("system", (core.certificatePaths()))
print("ciphers", tls.DEFAULT_CIPHERS:sub(1, 10))
local socket = tls.connect { port = arg[1], host = "127.0.0.1", servername = "localhost" }
socket:on("error", function(err) print("server", err.code) end)
socket:on("secureConnect", function() print("server", "trusted") end)
socket:resume()
require "luv".run()
]]

local ENV = { -- what the two of them read alone, and what they read together with the system's
  extra = { LUA_EXTRA_CA_CERTS = certs.ca.cert_file, SSL_CERT_FILE = "/nowhere" },
  file = { SSL_CERT_FILE = certs.ca.cert_file, LUA_TLS_CIPHER_LIST = "AES256-SHA" },
}

local dir = os.tmpname()
local key_log = dir .. "/log/keys" -- anybody may write there
local interpreter, program = dir .. "/lua", dir .. "/program.lua"

local function shell(command) assert(os.execute(command .. " >/dev/null 2>&1")) end

local function prepare()
  os.remove(dir)
  shell(("mkdir -m 755 %s && mkdir -m 777 %s/log"):format(dir, dir))
  shell(("cp $(command -v %s) %s"):format(os.getenv "LUA" or "lua5.4", interpreter))
  local file = assert(io.open(program, "w"))
  file:write(PROGRAM)
  file:close()
  shell("chmod 644 " .. program)
end

-- Lines of the program as a table, run with these variables by a copy of the interpreter that belongs to nobody.
local function run(variables, mode)
  -- in this order, for chown takes the bit away
  shell(("chown 65534 %s && chmod %s %s"):format(interpreter, mode, interpreter))
  -- set-user-id programs load no preloaded library, so this is the core without sanitizers
  local command = { "env", "LD_PRELOAD=", "LUA_CPATH=" .. os.getenv "LUA_CPATH":gsub("build%-asan", "build") }
  command[#command + 1] = "SSLKEYLOGFILE=" .. key_log
  command[#command + 1] = "LUA_TLS_DEBUG=1"
  for name, value in pairs(variables) do command[#command + 1] = name .. "=" .. value end
  for _, word in ipairs { "SSL_CERT_DIR=/nowhere", interpreter, program } do command[#command + 1] = word end
  local seen = {}
  local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, function(s) s:finish() end)
  server:listen(0, "127.0.0.1", function()
    command[#command + 1] = tostring(server:address().port)
    Child.spawn(command, helper.expect(function(status, output)
      server:close()
      assert.equal("", output:match "lua: .*" or "")
      assert.equal(0, status)
      seen.debug = output:find("tls %d+ client: ") ~= nil
      for name, value in output:gmatch "(%l+)\t([^\n]*)" do seen[name] = value end
    end))
  end)
  helper.run()
  return seen
end

describe("the environment", function()
  setup(prepare)
  teardown(function() os.execute("rm -r " .. dir) end)

  if io.popen "id -u":read "*l" ~= "0" then
    pending "can be tested by root alone, who can make a program that is another user's"
    return
  end

  local it_copies = luas.outside_nvim(it, "the Lua that a script makes of it cannot be another user's")
  it_copies("says whom to trust in a program of the user's own", function()
    local seen = run(ENV.extra, "755")
    assert.same({ "0\t0", "1", "trusted" }, { seen.user, seen.extra, seen.server })
    seen = run(ENV.file, "755")
    assert.same({ certs.ca.cert_file, "AES256-SHA", "trusted" }, { seen.system, seen.ciphers, seen.server })
    assert.is_true(seen.debug)
    assert(os.remove(key_log))
  end)

  it_copies("does not in a set-user-id program", function()
    local seen = run(ENV.extra, "4755")
    assert.equal("0\t65534", seen.user) -- else /tmp is mounted nosuid
    assert.same({ "0", "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, { seen.extra, seen.server })
    seen = run(ENV.file, "4755")
    assert.not_equal(certs.ca.cert_file, seen.system)
    assert.same({ "TLS_AES_25", "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, { seen.ciphers, seen.server })
    assert.is_false(seen.debug)
    assert.is_nil(io.open(key_log))
  end)
end)
