--- A server's contexts by name: what addContext() was given.
-- @module tls.handshake.sni

local Names = {}
Names.__index = Names

function Names.new()
  return setmetatable({ count = 0, exact = {}, patterns = {} }, Names)
end

local function to_pattern(name)
  return "^" .. name:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", "[^.]*") .. "$"
end

-- A pattern that is added again takes the place of the one that is there.
local function remove_pattern(patterns, name)
  for i, entry in ipairs(patterns) do
    if entry.name == name then return table.remove(patterns, i) end
  end
end

--- A name that is there already, in whatever case, gets the new context; nothing holds the old one any more.
--- @param name string a host's name; `*` stands for a part of one label
--- @param secure_context table
function Names:add(name, secure_context)
  name = name:lower()
  self.count = self.count + 1
  local entry = { name = name, order = self.count, context = secure_context, pattern = to_pattern(name) }
  if name:find("*", 1, true) then
    remove_pattern(self.patterns, name)
    table.insert(self.patterns, 1, entry)
  else
    self.exact[name] = entry
  end
end

--- The context that was added last of those that match; nil when none does.
function Names:find(name)
  name = name:lower()
  local best = self.exact[name]
  for _, entry in ipairs(self.patterns) do -- latest first
    if best and best.order > entry.order then break end
    if name:find(entry.pattern) then
      best = entry
      break
    end
  end
  return best and best.context
end

return Names
