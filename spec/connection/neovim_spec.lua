-- Neovim's loop is its own, and runs already; a listener runs in a luv callback, where most of vim.api is forbidden.
local helper = require "spec.helper"
local Child = require "spec.support.child"
local certs = require "spec.support.certs"
local free_port = require "spec.support.free_port"
local luas = require "spec.support.luas"

local COMMAND = [[exec env LD_PRELOAD= "$@" 2>&1]]
local FLAGS = { "--headless", "-u", "NONE", "-i", "NONE", "-n" }

-- Neovim 0.7: { 0, 7 }
local function version()
  local pipe = io.popen "LD_PRELOAD= nvim --version 2>/dev/null" -- a preloaded sanitizer may end it
  local major, minor = pipe:read("*a"):match "NVIM v(%d+)%.(%d+)"
  pipe:close()
  return tonumber(major) or 0, tonumber(minor) or 0
end

local MAJOR, MINOR = version()

local function since(minor) return MAJOR > 0 or MINOR >= minor end

local function spawn(words, case, done, env)
  local command = { "sh", "-c", COMMAND, "sh", "LUA_CPATH=" .. luas.nvim.cpath,
    "LUA_PATH=lua/?.lua;lua/?/init.lua;./?.lua;;", "TLS_CERTS=" .. certs.dir, "NVIM_LOG_FILE=/dev/null" }
  if case then command[#command + 1] = "CASE=" .. case end
  command[#command + 1] = env
  command[#command + 1] = "nvim"
  for _, list in ipairs { FLAGS, words } do
    for _, word in ipairs(list) do command[#command + 1] = word end
  end
  return Child.spawn(command, helper.expect(function(status, output) done((output:gsub("\r", "")), status) end))
end

local function run_case(case, done, env)
  return spawn({ "-c", "luafile spec/support/neovim_case.lua" }, case, done, env)
end

-- What a case prints, and what Neovim shows; both are to be known whole.
local function run(case, ...)
  local printed = table.concat({ ... }, "\n") .. (select("#", ...) > 0 and "\n" or "")
  run_case(case, function(output, status)
    assert.equal(printed .. "messages:\n", output)
    assert.equal(0, status)
  end)
  helper.run()
end

-- One error is shown, which has the text; the connection goes on.
local function run_mistake(case, text)
  run_case(case, function(output, status)
    local printed, messages = output:match "^(.*)messages:(.*)$"
    assert.is_truthy(printed, output)
    assert.matches("echoed two\n$", printed)
    local _, count = messages:gsub(text, "%0")
    assert.equal(1, count, messages)
    assert.matches("spec/support/neovim_case%.lua:%d+: [^\n]*" .. text, messages)
    _, count = messages:gsub("callback:\n", "%0")
    assert.equal(1, count, messages)
    assert.equal(0, status)
  end)
  helper.run()
end

-- It ends by itself, soon and silently; Neovim waits for handles of ours for 2 s, and then ends with status 1.
local function run_quit(case)
  run_case(case, function(output, status)
    assert.equal("", output)
    assert.equal(0, status)
  end)
  helper.run()
end

local function of_nvim(name, fn, reason)
  it(name, function()
    if not luas.nvim.here then return pending("skipped: Neovim, or LuaJIT's headers, are not on this machine") end
    if reason and reason() then return pending("skipped: " .. reason()) end
    fn()
  end)
end

describe("inside Neovim", function()
  of_nvim("a program of `nvim -l` has the loop, too", function()
    spawn({ "-l", "spec/support/echo_once.lua" }, nil, function(output, status)
      assert.equal("echoed hello over TLSv1.3\n", output)
      assert.equal(0, status)
    end)
    helper.run()
  end, function() return not since(9) and "`nvim -l` came with Neovim 0.9" end)

  of_nvim("a server serves s_client", function()
    local server = run_case("serve", function(output, status)
      assert.matches("^port %d+\nmessages:\n$", output)
      assert.equal(0, status)
    end)
    server:when("port (%d+)", function(output)
      local client
      client = Child.spawn({ "openssl", "s_client", "-quiet", "-no_ign_eof", "-connect",
        "127.0.0.1:" .. output:match "port (%d+)", "-CAfile", certs.ca.cert_file,
        "-verify_return_error" }, helper.expect(function(_, text)
        assert.matches("hello from s_client", text)
      end))
      client:when("hello from s_client", function() client.stdin:close() end)
      client:write "hello from s_client\n"
    end)
    helper.run()
  end)

  of_nvim("a client talks to s_server", function()
    free_port(function(port)
      local server = Child.spawn({ "openssl", "s_server", "-accept", tostring(port), "-rev", "-naccept", "1", "-cert",
        certs.ecdsa.cert_file, "-key", certs.ecdsa.key_file }, helper.expect(function(status)
        assert.equal(0, status)
      end))
      server:when("ACCEPT", function()
        run_case("connect", function(output, status)
          assert.equal("answered olleh\nmessages:\n", output)
          assert.equal(0, status)
        end, "PORT=" .. port)
      end)
    end)
    helper.run()
  end)

  of_nvim("all may begin in the callback of a timer", function() run("timer", "fast true", "echoed one") end)

  of_nvim("a coroutine may wait for the events", function() run("coroutine", "echoed one", "echoed two") end)

  of_nvim("a mistake in a listener is shown, and the connection goes on", function()
    run_mistake("mistake", "a mistake in a listener")
  end)

  of_nvim("so is a call of vim.api that is forbidden there", function() run_mistake("forbidden", "E5560") end)

  of_nvim("so is vim.wait", function() run_mistake("waiting", "E5560") end,
    function() return not since(10) and "vim.wait in any luv callback aborts this Neovim" end)

  of_nvim("vim.schedule_wrap makes a listener that may do all", function() run("scheduled", "buffer one") end)

  of_nvim("a loop that runs inside a callback drives the connections", function()
    run("nested", "echoed one", "waited true", "echoed two")
  end)

  describe("a plugin that is loaded again", function()
    of_nvim("has the same module, and its connections go on", function()
      run("reload", "the same module true", "echoed new", "echoed old")
    end)

    of_nvim("may keep the core", function()
      run("reload_lua", "the same module true", "echoed new", "echoed old")
    end)
  end)

  describe(":qa ends it at once", function()
    of_nvim("with an open connection", function() run_quit "quit_open" end)
    of_nvim("while much is being written", function() run_quit "quit_blocked" end)
    of_nvim("in a handshake", function() run_quit "quit_handshake" end)
    of_nvim("with connections of a module that was loaded again", function() run_quit "quit_reloaded" end)
  end)
end)
