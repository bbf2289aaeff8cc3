--- tls.ip: which texts are addresses, and one spelling for each.
local ip = require "tls.support.ip"

local VERSIONS = {
  { "127.0.0.1", 4 }, { "0.0.0.0", 4 }, { "255.255.255.255", 4 },
  { "256.1.1.1", 0 }, { "01.2.3.4", 0 }, { "1.2.3", 0 }, { "1.2.3.4.5", 0 }, { "1.2.3.4 ", 0 },
  { "8.8.8.0/24", 0 }, { "1.2.3.4%eth0", 0 },
  { "::", 6 }, { "::1", 6 }, { "1::", 6 }, { "fe80::1%eth0", 6 }, { "fe80::1%", 0 }, { "fe80::1%a b", 0 },
  { "1:2:3:4:5:6:7:8", 6 }, { "1:2:3:4:5:6:7::", 6 }, { "::2:3:4:5:6:7:8", 6 },
  { "1:2:3:4:5:6:7", 0 }, { "1:2:3:4:5:6:7:8:9", 0 }, { "1:2:3:4::5:6:7:8", 0 }, { "1::2::3", 0 }, { ":::", 0 },
  { ":1:2:3:4:5:6:7", 0 }, { "1:2:3:4:5:6:7:", 0 }, { "12345::", 0 }, { "g::", 0 }, { "[::1]", 0 },
  { "::ffff:1.2.3.4", 6 }, { "::1.2.3.4", 6 }, { "1:2:3:4:5:6:1.2.3.4", 6 }, { "1.2.3.4::", 0 }, { "::1.2.3.400", 0 },
  { "", 0 }, { "localhost", 0 }, { "1", 0 }, { 5, 0 }, { false, 0 }, { {}, 0 },
}

local SPELLINGS = {
  { "1.2.3.4", "1.2.3.4" },
  { "0:0:0:0:0:0:0:1", "::1" },
  { "0:0:0:0:0:0:0:0", "::" },
  { "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
  { "2001:0db8:0:1:0:1:0:1", "2001:db8:0:1:0:1:0:1" },
  { "1:0:0:0:0:0:0:0", "1::" },
  { "::FFFF:808:808", "::ffff:8.8.8.8" },
  { "::ffff:8.8.8.8", "::ffff:8.8.8.8" },
  { "::808:808", "::8.8.8.8" },
  { "::a", "::a" },
  { "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
  { "FE80::1%eth0", "fe80::1" },
}

describe("ip", function()
  for _, case in ipairs(VERSIONS) do
    it(("takes %q for version %d"):format(tostring(case[1]), case[2]), function()
      assert.equal(case[2], ip.version(case[1]))
    end)
  end

  for _, case in ipairs(SPELLINGS) do
    it(("spells %s as %s"):format(case[1], case[2]), function()
      assert.equal(case[2], ip.canonical(case[1]))
    end)
  end

  it("has no spelling for what is no address", function()
    assert.is_nil(ip.canonical("8.8.8.0/24"))
    assert.is_nil(ip.canonical("a.com"))
    assert.is_nil(ip.canonical(nil))
  end)
end)
