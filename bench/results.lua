-- bench/RESULTS.md: sections, each a heading and what follows it. A run writes those that it has measured, and leaves
-- the others; so each says when it was measured, and on what.
local results = {}

local TITLE = "# Measured\n\n`make bench` writes this. Each part says when it was measured, and on what machine.\n"

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

--- The sections of a text, in order: {{name=, text=}, ...}. The text begins with the heading.
function results.sections(text)
  local list = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local name = line:match "^## (.*)$"
    if name then list[#list + 1] = { name = name, lines = {} } end
    if #list > 0 then table.insert(list[#list].lines, line) end
  end
  for _, section in ipairs(list) do section.text = table.concat(section.lines, "\n"):gsub("%s*$", "\n") end
  return list
end

--- Keeps what was measured: `new` are sections; those of the same names are replaced, others stay.
function results.write(path, new)
  local list, place = results.sections(read(path)), {}
  for i, section in ipairs(list) do place[section.name] = i end
  for _, section in ipairs(new) do list[place[section.name] or #list + 1] = section end
  local parts = { TITLE }
  for _, section in ipairs(list) do parts[#parts + 1] = section.text end
  local file = assert(io.open(path, "wb"))
  assert(file:write(table.concat(parts, "\n")))
  assert(file:close())
end

local function cells_of(line)
  local cells = {}
  for cell in line:gmatch "|([^|]*)%f[|]" do cells[#cells + 1] = cell:match "^%s*(.-)%s*$" end
  return cells
end

--- The rows of a section's first table, each by the names that stand above them.
function results.rows(section)
  local names, rows = nil, {}
  for line in section.text:gmatch "[^\n]+" do
    if line:find "^|" and not line:find "^|%-" then
      local cells, row = cells_of(line), {}
      for i, name in ipairs(names or {}) do row[name] = cells[i] end
      if names then rows[#rows + 1] = row end
      names = names or cells
    elseif names and not line:find "^|" then
      break
    end
  end
  return rows
end

--- A section of a file, or nil.
function results.section(path, name)
  for _, section in ipairs(results.sections(read(path))) do
    if section.name == name then return section end
  end
end

return results
