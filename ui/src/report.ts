// The entry of `planner report`: read-only views of the data that stands in the page.
import "./style.css";
import { isRecovered, modelOf, type ReportData } from "./model";
import { shell, type View } from "./shell";
import { graphView } from "./views/graph";
import { historyView } from "./views/history";
import { placementView } from "./views/placement";
import { recoveryView } from "./views/recovery";

const data = JSON.parse(document.getElementById("data")!.textContent!) as ReportData;
const model = modelOf(data);
const views: View[] = [{ id: "graph", title: "Graph", build: () => graphView(model) }];
if (isRecovered(model)) {
  views.unshift({ id: "placement", title: "Placement", build: () => placementView(model) });
  views.push({ id: "recovery", title: "Recovery", build: () => recoveryView(model) });
  if (data.earlier.length) views.push({ id: "history", title: "History", build: () => historyView(model) });
}
const strategy = data.placement?.strategy;
document.body.append(shell(model.name, strategy ? `simulation of ${strategy}, not to run` : "placement", views).element);
