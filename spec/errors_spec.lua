-- The texts and fields of errors, which programs match on.
require "spec.helper"
local certs = require "spec.support.certs"
local errors = require "tls.support.errors"

describe("an error", function()
  it("shows its message and code, and carries its fields", function()
    local err = errors.new("ECODE", "what happened", { port = 5, host = "h" })
    assert.equal("what happened [ECODE]", tostring(err))
    assert.equal("what happened", err.message)
    assert.equal("ECODE", err.code)
    assert.equal(5, err.port)
    assert.equal("h", err.host)
  end)

  it("shows its code once", function()
    assert.equal("read ECONNRESET", tostring(errors.new("ECONNRESET", "read ECONNRESET")))
  end)

  it("is shown whatever its fields are", function()
    local broken = setmetatable({}, { __tostring = function() error "no text" end, __index = error })
    for _, case in ipairs {
      { nil, nil, "tls.error" }, { "E", nil, "E" }, { nil, "m", "m" }, { broken, broken, "tls.error" },
      { 5, "m", "m" }, { "E", 5, "E" }, { "", "m", "m" }, { "E", "", " [E]" },
    } do
      local err = errors.new("E", "m")
      err.code, err.message = case[1], case[2]
      assert.equal(case[3], tostring(err))
    end
    assert.equal("tls.error", getmetatable(errors.new("E", "m")).__tostring(5))
  end)

  it("names only the type of what is a secret, if it has the wrong one", function()
    for _, name in ipairs { "options.passphrase", "psk", "options.pskCallback's answer", "options.ticketKeys", "keys",
      "session", "options.key" } do
      for value, kind in pairs { [987654] = "number", ["987654"] = "string" } do
        local message = errors.arg_type(name, "object", value).message
        assert.matches("Received type " .. kind .. "$", message)
      end
      assert.matches("Received nil$", errors.arg_type(name, "object", nil).message)
    end
    assert.matches("Received type number %(987654%)$", errors.arg_type("options.host", "string", 987654).message)
  end)

  it("does not show a key that stands where options are wanted, and is one line", function()
    local der = certs.rsa.key:gsub("%-%-%-[^\n]*\n", ""):gsub("%s", "") .. "\0"
    for _, key in ipairs { certs.rsa.key, der, ("k"):rep(40) .. "\1" } do
      for _, err in ipairs { errors.arg_type("options", "object", key), errors.arg_value("options.host", key),
        errors.bad_port("Port", key) } do
        assert.truthy(err.message:find(#key .. " bytes", 1, true), err.message)
        assert.is_true(#err.message < 120)
      end
    end
    local long = errors.arg_value("options.host", "a\nb\27" .. ("x"):rep(5000)).message
    assert.is_nil(long:find "%c")
    assert.is_true(#long < 400)
  end)

  it("is told from other values", function()
    assert.is_true(errors.is(errors.new("E", "m")))
    assert.is_false(errors.is { code = "E", message = "m" })
    assert.is_false(errors.is "m")
    assert.is_false(errors.is(nil))
  end)

  it("is thrown as it is", function()
    for _, value in ipairs { errors.new("E", "m"), { message = "m" }, "text", 5, false } do
      local ok, caught = pcall(errors.throw, value)
      assert.is_false(ok)
      assert.equal(value, caught)
    end
    assert.same({ message = "m" }, select(2, pcall(errors.throw, { message = "m" })))
  end)
end)

describe("the caller's mistake", function()
  it("of type is called a property when the name has a dot", function()
    local err = errors.arg_type("options.host", "string", 5)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    assert.equal('The "options.host" property must be of type string. ' ..
      "Received type number (5)", err.message)
  end)

  it("of type is called an argument otherwise", function()
    assert.equal('The "chunk" argument must be of type string. Received nil',
      errors.arg_type("chunk", "string", nil).message)
    assert.equal('The "chunk" argument must be of type number. ' ..
      'Received type string ("a")', errors.arg_type("chunk", "number", "a").message)
    assert.equal('The "chunk" argument must be of type string. ' ..
      "Received type boolean (true)",
      errors.arg_type("chunk", "string", true).message)
  end)

  it("of value gives the reason, or says that it is invalid", function()
    local err = errors.arg_value("options.x", "y", "must be z")
    assert.equal("ERR_INVALID_ARG_VALUE", err.code)
    assert.equal([[The property 'options.x' must be z. Received "y"]], err.message)
    local key = "-----BEGIN PRIVATE KEY-----\n" .. ("M"):rep(2000)
    assert.equal("The property 'options.x' is invalid. Received 2028 bytes", errors.arg_value("options.x", key).message)
    assert.equal('The "x" argument must be of type object. Received type string (2028 bytes)',
      errors.arg_type("x", "object", key).message)
    local long = "two\nlines" .. ("M"):rep(2000)
    assert.equal([[The property 'options.x' is invalid. Received "two\nlines]] .. ("M"):rep(116) .. '..."',
      errors.arg_value("options.x", long).message)
    assert.equal('The "x" argument must be of type object. Received type string ("a\\nb")',
      errors.arg_type("x", "object", "a\nb").message)
    assert.equal("The argument 'x' is invalid. Received 5",
      errors.arg_value("x", 5).message)
  end)

  it("of range names the range", function()
    local err = errors.out_of_range("msecs", ">= 0", -1)
    assert.equal("ERR_OUT_OF_RANGE", err.code)
    assert.equal('The value of "msecs" is out of range. It must be >= 0. ' ..
      "Received -1", err.message)
  end)
end)

describe("an error of libuv's", function()
  it("has code, errno, syscall and the place", function()
    local err = errors.from_uv("ECONNREFUSED", "connect",
      { address = "127.0.0.1", port = 5 })
    assert.equal("connect ECONNREFUSED 127.0.0.1:5", tostring(err))
    assert.equal("ECONNREFUSED", err.code)
    assert.equal("connect", err.syscall)
    assert.equal("127.0.0.1", err.address)
    assert.equal(5, err.port)
    assert.is_true(err.errno < 0)
  end)

  it("is read from luv's long form too", function()
    local err = errors.from_uv("ECONNRESET: connection reset by peer", "read")
    assert.equal("read ECONNRESET", err.message)
    assert.equal("ECONNRESET", err.code)
  end)

  it("names a path without a port", function()
    assert.equal("connect ENOENT /no/where",
      errors.from_uv("ENOENT", "connect", { address = "/no/where" }).message)
  end)

  it("is ENOTFOUND when there is no such host", function()
    for _, name in ipairs { "EAI_NONAME", "EAI_NODATA" } do
      local err = errors.from_uv(name, "getaddrinfo", { host = "nowhere" })
      assert.equal("ENOTFOUND", err.code)
      assert.equal("getaddrinfo ENOTFOUND nowhere", err.message)
      assert.equal("nowhere", err.host)
    end
  end)
end)
