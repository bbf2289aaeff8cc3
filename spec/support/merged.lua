-- Options of several tables in a new one: of a field that is in several, the last one counts.
--- @param ... table? nil is passed over
--- @return table
return function(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs((select(i, ...)) or {}) do all[name] = value end
  end
  return all
end
