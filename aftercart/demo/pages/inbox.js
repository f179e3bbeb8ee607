// Comfort only: the pages work without it. Keeps the list where it was and what is open in sight, walks with j and k, tells of new mails.
"use strict";

const { root, total, list: shown } = document.body.dataset;
const list = document.querySelector(".list");
const place = "list:" + shown + location.search;

list.scrollTop = Number(sessionStorage.getItem(place) || 0);
const open = list.querySelector("li [aria-current]");
if (open && !isInSight(open)) open.scrollIntoView({ block: "center" });
addEventListener("pagehide", () => sessionStorage.setItem(place, list.scrollTop));

addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const current = list.querySelector("li [aria-current]")?.closest("li");
  const next = { j: current ? current.nextElementSibling : list.querySelector("li"), k: current?.previousElementSibling };
  next[event.key]?.querySelector("a").click();
});

function isInSight(entry) {
  const line = entry.getBoundingClientRect(), pager = list.querySelector(".pager");
  const end = pager ? pager.getBoundingClientRect().top : list.getBoundingClientRect().bottom;
  return line.top >= list.querySelector(".head").getBoundingClientRect().bottom && line.bottom <= end;
}

async function lookForMail() {
  const answer = await fetch(root + "/mails/count").catch(() => null);
  if (!answer?.ok) return;
  const fresh = (await answer.json()).count - Number(total);
  const link = document.querySelector(".fresh");
  link.hidden = fresh <= 0;
  link.textContent = fresh + " new";
}

setInterval(() => document.hidden || lookForMail(), 3000);
