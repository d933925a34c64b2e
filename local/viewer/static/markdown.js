// The Markdown that dashboards use (headings, lists, bold, code, links to http) as nodes: no text becomes markup.
"use strict";

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function inline(text) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(/\[([^\]]+)\]\((https?:\/\/[^)\s]+)\)|\*\*([^*]+)\*\*|`([^`]+)`/g)) {
    const [whole, label, address, bold, code] = found;
    nodes.push(text.slice(at, found.index));
    if (address) {
      const link = element("a", "", label);
      Object.assign(link, { href: address, target: "_blank", rel: "noopener noreferrer" });
      nodes.push(link);
    } else {
      nodes.push(bold ? element("b", "", bold) : element("code", "", code));
    }
    at = found.index + whole.length;
  }
  return [...nodes, text.slice(at)];
}

function markdown(text) {
  return text.split("\n").filter((line) => line.trim()).map((line) => {
    const heading = line.match(/^(#{1,3})\s+(.*)/);
    if (heading) return element(`h${heading[1].length}`, "", ...inline(heading[2]));
    const item = line.match(/^\s*[-*]\s+(.*)/);
    return item ? element("p", "item", ...inline(item[1])) : element("p", "", ...inline(line));
  });
}
