local helper = require "spec.helper"
local encoding = require "tls.stream.encoding"

describe("encoding", function()
  it("knows names in any case and refuses others", function()
    assert.equal("utf8", encoding.normalize("UTF-8"))
    assert.equal("latin1", encoding.normalize("Binary"))
    for _, name in ipairs { "klingon", "" } do
      local ok, err = pcall(encoding.normalize, name)
      assert.is_false(ok)
      assert.equal("ERR_UNKNOWN_ENCODING", err.code)
    end
  end)

  it("goes there and back for every byte", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    all = table.concat(all)
    for _, name in ipairs { "hex", "base64", "base64url", "latin1", "utf8" } do
      for size = 0, 8 do
        local bytes = all:sub(-size - 250, -size - 1)
        assert.equal(bytes, encoding.decode(encoding.encode(bytes, name), name))
      end
    end
  end)

  it("gives the known texts", function()
    assert.equal("68656c6c6f", encoding.encode("hello", "hex"))
    assert.equal("aGVsbG8=", encoding.encode("hello", "base64"))
    assert.equal("_-8", encoding.encode("\255\239", "base64url"))
    assert.equal("ab", encoding.encode("\225\226", "ascii"))
  end)

  it("stops hex at the first wrong pair, skips what is not base64", function()
    assert.equal("\171", encoding.decode("abzz01", "hex"))
    assert.equal("\171", encoding.decode("abc", "hex"))
    assert.equal("hello", encoding.decode("aGVs\nbG8=AAAA", "base64"))
  end)

  it("reads what is no base64 as Node does", function()
    local texts = {
      ["YQ==YQ=="] = "a", ["YQ="] = "a", ["Y"] = "", ["=YWJj"] = "", ["YW=Jj"] = "a", ["YWJjZ==="] = "abc",
      ["YWJj-_+/"] = "abc\251\255\191", ["YW Jj\nYQ=="] = "abca", ["YW*Jj"] = "abc", ["YWJj\0YWJj"] = "abcabc",
    }
    for text, bytes in pairs(texts) do
      assert.equal(bytes, encoding.decode(text, "base64"))
      assert.equal(bytes, encoding.decode(text, "base64url"))
    end
  end)

  it("takes a few milliseconds for a megabyte, which the loop has to wait for", function()
    local bytes = ("\0\1\127\128\255\254xyz"):rep(120000)
    local begin = os.clock()
    for _, name in ipairs { "hex", "base64", "base64url" } do
      assert.equal(bytes, encoding.decode(encoding.encode(bytes, name), name))
    end
    assert.is_true(os.clock() - begin < 0.3 * helper.slow)
  end)

  it("never cuts a character, wherever the chunks are cut", function()
    local text = "a\195\164\226\130\172\240\159\152\128z"
    for cut = 0, #text do
      local decoder = encoding.StringDecoder("utf8")
      local first = decoder:write(text:sub(1, cut))
      assert.is_nil(first:match("[\192-\255][\128-\191]?[\128-\191]?$") and first:find("[\194-\223]$"))
      assert.equal(text, first .. decoder:write(text:sub(cut + 1)) .. decoder:finish())
    end
    local decoder = encoding.StringDecoder()
    local parts = {}
    for i = 1, #text do parts[#parts + 1] = decoder:write(text:sub(i, i)) end
    assert.same({ "a", "", "\195\164", "", "", "\226\130\172", "", "", "", "\240\159\152\128", "z" }, parts)
  end)

  it("gives the rest at the end", function()
    local decoder = encoding.StringDecoder("utf8")
    assert.equal("x", decoder:write("x\226\130"))
    assert.equal("\226\130", decoder:finish())
    assert.equal("", decoder:finish())
  end)

  it("holds back incomplete groups of base64", function()
    local decoder = encoding.StringDecoder("base64")
    local text = decoder:write("h") .. decoder:write("el") .. decoder:write("lo")
    assert.equal("aGVsbG8=", text .. decoder:finish())
  end)
end)
