"""How reports name findings: direct terms, and parts of the chest that combine with states.

``{a|b|}`` stands for a choice, an empty choice allows nothing. Terms name a finding by themselves; parts and states name
one together ("heart" + "enlarged", in either order), by the table :data:`RULES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from radrag.domain import Polarity

_CHOICE = re.compile(r"\{([^{}]*)\}")


def expand(pattern: str) -> Iterator[str]:
    """Yield every phrase a pattern stands for; the choices multiply."""
    pieces = _CHOICE.split(pattern)  # odd positions are choices
    options = [piece.split("|") if n % 2 else [piece] for n, piece in enumerate(pieces)]
    for chosen in product(*options):
        yield " ".join("".join(chosen).split())


def phrases(patterns: str) -> list[str]:
    """Return the phrases of a comma-separated list of patterns, without repeats."""
    return list(
        dict.fromkeys(phrase for pattern in patterns.split(",") for phrase in expand(pattern.strip()) if phrase)
    )


# "|" joins labels that one term names at once.
TERMS: dict[str, str] = {
    "Atelectasis": "atelectasis, atelectases, atelectatic {change|changes|opacity|opacities|band|bands|}",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "{airspace |air space |air-space |alveolar |}{consolidation|consolidations|consolidative"
    "|consolidative opacity|consolidative opacities|consolidative change|consolidative changes}",
    "Edema": "{pulmonary |interstitial |alveolar |interstitial pulmonary |}{edema|oedema}, flash edema",
    "Fracture": "fracture, fractures, fractured, cortical step-off",
    "Lung Lesion": "{lung|pulmonary|parenchymal|intrapulmonary|intraparenchymal} {lesion|lesions|metastasis|metastases"
    "|malignancy|neoplasm|tumor|tumour|cancer|carcinoma}, metastatic disease, bronchogenic carcinoma, lesion, lesions,"
    " neoplasm, neoplastic process, metastases, metastasis, malignancy, tumor, tumour",
    "Lung Opacity": "opacity, opacities, opacification, opacifications, opacified, ground-glass, ground glass,"
    " ground-glass {opacity|opacities}, ground glass {opacity|opacities}, haziness, interstitial {opacity|opacities}, airspace {opacity|opacities},"
    " air space {opacity|opacities}, air-space {opacity|opacities}, {lung|pulmonary|airspace|parenchymal|basilar"
    "|retrocardiac|perihilar|interstitial|ill-defined|ill defined|patchy|hazy|streaky|linear|bandlike|band-like|focal}"
    " {density|densities}, density, densities",
    "Nodule|Lung Opacity": "nodular {density|densities|opacity|opacities}, {rounded|round} {density|densities|opacity"
    "|opacities}",
    "Nodule": "nodule, nodules, nodularity, micronodule, micronodules, pulmonary nodule, coin lesion, nodular lesion,"
    " nodular {lesions|focus|foci}",
    "Mass": "mass, masses, {mass-like|masslike|mass like} {opacity|opacities|lesion|density|consolidation|}",
    "Pleural Effusion": "{pleural |subpulmonic |parapneumonic |loculated |}{effusion|effusions}, pleural fluid"
    " {collection|collections|}, {hydrothorax|hemothorax|haemothorax|empyema}, fluid in the {minor |major |}fissure",
    "Pneumothorax|Pleural Effusion": "hydropneumothorax, hemopneumothorax, hydropneumothoraces",
    "Pericardial Effusion": "pericardial {effusion|effusions|fluid}",
    "Pleural Other": "pleural {plaque|plaques|calcification|calcifications|disease}, calcified pleural {plaque|plaques}",
    "Pleural Thickening": "pleural {thickening|scarring|scar|reaction}, thickening of the {left |right |}pleura,"
    " apical {capping|cap|caps}, pleural capping, {biapical|apical} pleural thickening, thickened pleura, {fissural|fissure} thickening, thickening {in|of|along} the {left |right |}{minor |major |horizontal |}{fissure|fissures},"
    " {pleuroparenchymal|pleural-parenchymal|pleural parenchymal|pleural and parenchymal} thickening",
    "Pneumonia": "pneumonia, pneumonias, bronchopneumonia, pneumonitis, pneumonic {process|infiltrate|consolidation|},"
    " {infectious|inflammatory} {process|etiology|infiltrate}, {pulmonary |lung |}infection,"
    " {lobar|aspiration|atypical|viral} {pneumonia|pneumonitis}, infectious or inflammatory process",
    "Pneumothorax": "pneumothorax, pneumothoraces, pneumothoraxes, tension pneumothorax, ptx, pleural air",
    "Infiltration": "infiltrate, infiltrates, infiltration, infiltrative {process|change|changes}",
    "Emphysema": "emphysema, emphysematous {change|changes|disease|lungs|}, bullous emphysema",
    "Subcutaneous Emphysema": "{subcutaneous|soft tissue} {emphysema|air|gas}",
    "Fibrosis": "{pulmonary |interstitial |}fibrosis, fibrotic {change|changes|disease|}, honeycombing",
    "Hernia": "{hiatal |hiatus |diaphragmatic |paraesophageal |bochdalek |morgagni |}{hernia|hernias},"
    " retrocardiac stomach, intrathoracic stomach",
    "Airspace Disease": "{airspace|air space|air-space|alveolar} {disease|process|processes|abnormality|changes},"
    " parenchymal disease",
    "Atherosclerosis": "atherosclerosis, atherosclerotic {change|changes|disease|calcification|calcifications"
    "|vascular disease|plaque|}, atheromatous {change|changes|calcification|}, arteriosclerosis, arteriosclerotic,"
    " {vascular|arterial|aortic|coronary artery|coronary} {calcification|calcifications|atheroma|atherosclerosis}",
    "Calcified Granuloma": "calcified {granuloma|granulomas|granulomata|granulomatas}, granulomatous {calcification"
    "|calcifications}, calcified granulomatous {density|densities|focus|foci|nodule|nodules}, calcific granuloma",
    "Granuloma": "granuloma, granulomas, granulomata, granulomatas",
    "Granulomatous Disease": "granulomatous {disease|change|changes|process|infection|exposure|sequela|sequelae|}",
    "Calcified Lymph Nodes": "calcified {hilar |mediastinal |paratracheal |subcarinal |}{lymph node|lymph nodes|lymph xxxx|node"
    "|nodes|adenopathy|lymphadenopathy}, nodal {calcification|calcifications}, {lymph node|lymph nodes} calcification",
    "COPD": "copd, chronic obstructive {pulmonary |lung |airway |airways |}disease, obstructive {lung|pulmonary|airway"
    "|airways} disease",
    "Degenerative Spine": "spondylosis, spondylotic {change|changes|}, osteophyte, osteophytes, osteophytic {change"
    "|changes|spurring|}, osteophytosis, spurring, bony spurs, degenerative {disc|disk} {disease|change|changes},"
    " {disc|disk} space narrowing, spondyloarthropathy, diffuse idiopathic skeletal hyperostosis,"
    " bridging syndesmophytes, degenerative spondylosis, degenerative endplate {change|changes}",
    "Diaphragmatic Eventration": "eventration, eventrated",
    "Foreign Body": "foreign {body|bodies}, bullet, bullets, shrapnel, {bullet|metallic|ballistic} {fragment|fragments},"
    " metallic bb, {gunshot|shotgun} {pellet|pellets}",
    "Hyperinflation": "hyperinflation, hyperinflated, hyperexpansion, hyperexpanded, hyperaeration, hyperaerated,"
    " overinflation, overinflated, overexpanded, overexpansion, hyperdistention, hyperdistended, air trapping,"
    " air-trapping, hyper inflated, hyper inflation, hyper expanded, hyper-inflated, hyper-expanded, barrel chest",
    "Low Lung Volumes": "hypoinflation, hypoinflated, hypoventilation, hypoventilatory {change|changes|}, hypoaeration,"
    " hypoaerated, underinflated, underinflation, hypoexpanded, hypoexpansion, hypo inflated, hypo-inflated,"
    " under-inflated, {shallow|poor|low|suboptimal|limited|decreased|diminished|reduced|incomplete} {inspiration"
    "|inspiratory effort|inspiratory volumes|inspiratory volume|lung expansion|aeration}, expiratory {film|image|exam},"
    " {shallow|low} lung inflation",
    "Increased Lung Markings": "{interstitial|peribronchial|bronchial|bronchial wall|peribronchovascular|septal"
    "|interlobular septal} {thickening|prominence|coarsening|cuffing}, interstitial {abnormality|changes|change"
    "|pattern|process}, peribronchial {cuffing|markings}, {kerley |}{b|a} lines, kerley lines, {b|kerley}-lines, septal lines, bronchovascular crowding,"
    " bronchitic {change|changes}, reticulation, reticular pattern, reticulonodular pattern, crowding of the"
    " {bronchovascular|pulmonary|lung} {markings|vasculature|structures}",
    "Kyphosis": "kyphosis, kyphotic {curvature|deformity|}, hyperkyphosis",
    "Kyphosis|Scoliosis": "kyphoscoliosis, scoliokyphosis",
    "Scoliosis": "scoliosis, scoliotic {curvature|deformity|}, levoscoliosis, dextroscoliosis, dextrocurvature,"
    " levocurvature, {dextroconvex|levoconvex} {scoliosis|curvature|}, s-shaped curvature, rotoscoliosis,"
    " curvature of the {thoracic |thoracolumbar |}spine",
    "Lung Calcification": "{lung|pulmonary|parenchymal} {calcification|calcifications}, calcified {lung |pulmonary |}"
    "{nodule|nodules|density|densities|focus|foci|lesion|lesions}, calcific {nodule|nodules|density|densities|focus}",
    "Osteopenia": "osteopenia, osteopenic, osteoporosis, osteoporotic, {bony |bone |osseous |}demineralization,"
    " demineralized",
    "Pulmonary Congestion": "{pulmonary |}{vascular |venous |}congestion, congestive {change|changes},"
    " {pulmonary |}vascular {engorgement|redistribution}, {pulmonary |}venous {hypertension|engorgement},"
    " cephalization, {fluid|volume} overload",
    "Scarring": "scar, scars, scarring, scarred, cicatrix, cicatricial {change|changes|},"
    " parenchymal scar, {pleuroparenchymal|pleural-parenchymal|pleural parenchymal|pleural and parenchymal} {scarring"
    "|scar}, fibrotic scarring, scar tissue",
    "Vertebral Compression": "compression {deformity|deformities}, wedging, wedge {deformity|deformities}, wedge-shaped"
    " deformity, {vertebral body |vertebral |}height loss, loss of {vertebral |vertebral body |}height, kyphoplasty,"
    " vertebroplasty, anterior wedging",
    "Vertebral Compression|Fracture": "compression {fracture|fractures}, wedge {fracture|fractures},"
    " burst {fracture|fractures}",
    "Aortic Aneurysm": "aortic {aneurysm|dissection}, {thoracic |}aneurysm, aneurysmal {dilatation|dilation|}",
    "Bronchiectasis": "bronchiectasis, bronchiectatic {change|changes|}",
    "Bulla": "bulla, bullae, bleb, blebs, bullous {change|changes|disease}, pneumatocele",
    "Cavitation": "cavitary {lesion|lesions|nodule|mass|focus|process|}, cavitation, cavitating, cavity, cavities",
    "Heart Failure": "{congestive |}{heart|cardiac} failure, chf, cardiac decompensation",
    "Interstitial Lung Disease": "{interstitial lung|interstitial pulmonary|interstitial} {disease|change|changes}, interstitial lung diseases",
    "Lymphadenopathy": "{hilar |mediastinal |}{adenopathy|lymphadenopathy}, {enlarged|prominent} {lymph |}{node|nodes}",
    "Mediastinal Shift": "{mediastinal|tracheal} {shift|deviation}, {shift|deviation|displacement} of the {mediastinum"
    "|trachea|mediastinal structures}",
    "Pneumomediastinum": "pneumomediastinum, mediastinal {air|emphysema|gas}",
    "Pneumoperitoneum": "pneumoperitoneum, free {intraperitoneal |peritoneal |intra-abdominal |abdominal |}{air|gas},"
    " intraperitoneal {free |}{air|gas}, {subdiaphragmatic|infradiaphragmatic} {free |}air,"
    " {free |}air {under|beneath|below} the {left |right |}{diaphragm|hemidiaphragm|diaphragms|hemidiaphragms}",
    "Pulmonary Hypertension": "pulmonary {artery |arterial |}hypertension",
    "Tuberculosis": "tuberculosis, tuberculous {disease|change|changes|}, tb",
    "Volume Loss": "{lung |}volume loss, loss of {lung |}volume",
    "Support Devices": "{catheter|catheters}, {central|venous|central venous|picc|ij|subclavian|jugular|dialysis|arterial}"
    " {line|lines|catheter|catheters}, {picc|port-a-cath|portacath|port a cath|mediport|chemo port|chest port|infusion"
    " port|port catheter|infuse-a-port|permcath|vas-cath|swan-ganz|swan ganz|broviac|hickman},"
    " {endotracheal|et|nasogastric|ng|orogastric|og|enteric|feeding|dobhoff|dobbhoff|gastric|chest|thoracostomy"
    "|tracheostomy|pleural|drainage|pigtail} {tube|tubes|catheter|catheters}, ett, tracheostomy, tracheostomy cannula,"
    " {cardiac |}{pacemaker|pacemakers|pacer|pacers}, {pacemaker|pacer|pacing|icd|aicd|cardiac|defibrillator} {lead"
    "|leads|wire|wires|device|devices|generator|electrodes}, {dual|single}-{chamber|lead} {pacemaker|device|icd|aicd},"
    " icd, aicd, defibrillator, pulse generator, {pacemaker |generator }{generator|battery pack},"
    " {stent|stents}, {prosthetic|mechanical|artificial|replaced|bioprosthetic} {aortic |mitral |cardiac |heart |}{valve"
    "|valves}, {valve|valvular} {replacement|prosthesis|prostheses}, {aortic|mitral} {valve|valvular} {replacement"
    "|prosthesis}, intra-aortic balloon pump, balloon pump, loop recorder, {ventriculoperitoneal|vp|shunt}"
    " {shunt|catheter|tubing}, ventriculoperitoneal shunt {catheter|tubing}, {nerve|spinal cord|vagal nerve|vagus nerve}"
    " stimulator, stimulator, neurostimulator, {support|monitoring} {device|devices|apparatus|apparatuses|equipment},"
    " {tubes and lines|lines and tubes|lines or tubes|tubes or lines}, {ekg|ecg|cardiac monitoring|telemetry|monitor} {lead|leads"
    "|wires|electrodes}, implanted device, medical device, assist device, lvad, ivc filter, {shoulder|humeral|joint"
    "|hip} {arthroplasty|prosthesis|replacement}, arthroplasty, prosthesis, port, medical {port|ports}, tubing,"
    " leads, tenckhoff, generator, occluder, {closure|electronic|septal|electrical} device, bone anchor, internal fixation, tips shunt, prosthetic {left |right |}{shoulder|humeral head|humerus|joint|hip|pulmonic valve|tricuspid valve}",
    "Surgical Material": "{surgical |vascular |metallic |cholecystectomy |hemostatic |mediastinal |axillary |sternotomy"
    " |sternal }{clip|clips}, {median |}{sternotomy|sternal|cerclage} {wire|wires|sutures|hardware}, {surgical |metallic |}"
    "{suture|sutures|suture material|staple|staples|staple line|suture line|chain sutures}, {spinal |cervical |lumbar |thoracic"
    " |orthopedic |orthopaedic |fixation |metallic |spine |surgical |fusion }{hardware|plate|plates|rods|rod|screws},"
    " surgical {instruments|material|device}, hardware",
    "Surgical Change": "{median |}{sternotomy|sternotomies|sternotomy changes}, {coronary artery bypass|coronary bypass|bypass}"
    " {graft|grafts|grafting|surgery|}, cabg, {postsurgical|post surgical|post-surgical|postoperative|post operative"
    "|post-operative|surgical} {change|changes|appearance|defect|sequela|sequelae}, {mastectomy|mastectomies|lobectomy"
    "|pneumonectomy|thoracotomy|segmentectomy|wedge resection|surgical resection|cholecystectomy|valvuloplasty|anastomosis},"
    " {spinal|cervical|lumbar|thoracic|anterior cervical|posterior spinal|spine} {fusion|fixation}, vertebral fixation",
}

IGNORED = phrases(
    "{bone|bony|bone mineral|mineral|osseous} density, mass effect, {nipple|breast} {shadow|shadows|tissue|density}, breast {implant|implants},"
    " body mass index, soft tissue {density|densities|mass|attenuation}, {lytic|blastic|sclerotic|bone|bony|osseous|rib"
    "|skeletal|destructive} {lesion|lesions|metastasis|metastases}, joint {effusion|effusions}, {ribs|rib} {density"
    "|densities|opacity}, carotid stent, contrast opacification, limited by, no acute {distress}, negative for,"
    " left chest leads, radiopaque density, costochondral {calcification|calcifications}, bronchial tree,"
    " {heart|lungs} sounds, clear cell, chronic heart, breast density, soft tissue {swelling|edema}, soft-tissue {swelling|edema|density|densities|mass}, {peripheral|leg|brain} edema, port of"
)
"""Phrases that look like a term and are none."""

ELSEWHERE = frozenset(
    [
        "knee",
        "knees",
        "foot",
        "feet",
        "midfoot",
        "ankle",
        "hip",
        "hips",
        "femur",
        "femoral",
        "tibia",
        "fibula",
        "pelvis",
    ]
    + ["pelvic", "acetabulum", "calcaneal", "calcaneus", "wrist", "hand", "finger", "elbow", "patella", "compartments"]
    + ["compartment", "skull", "mandible", "facial", "toe", "sacrum", "sacroiliac", "synovial"]
)
"""Words of films of other parts of the body: bones named beside them are not the chest's."""

PARTS: dict[str, str] = {
    "chest": "cardiopulmonary, cardio pulmonary, cardio-pulmonary, intrathoracic, cardiothoracic,"
    " chest {radiograph|radiographs|x-ray|x-rays|xray|film|films|exam|examination|study|}, chest x xxxx,"
    " chest x-xxxx, cxr, {radiograph|radiographs|examination|exam|study}, {heart and lungs|heart and lung}",
    "heart": "{heart|cardiac} {size|silhouette|shadow|contour|contours|size and contour|silhouette size|border"
    "|borders|outline|and pericardium|}, cardiac size, cardiothoracic ratio, cardiopericardial silhouette, hearts",
    "mediastinum": "{mediastinum|mediastinal|superior mediastinum|mediastinal silhouette|mediastinal contour|mediastinal"
    " contours|mediastinal silhouettes|mediastinal structures|mediastinal width|mediastinal borders|mediastinal shadow}",
    "cardiomediastinum": "{cardiomediastinal|cardio mediastinal|cardio-mediastinal|cardiomediastinum|cardiac mediastinal}"
    " {silhouette|silhouettes|contour|contours|structures|size|borders|outline|shadow|}",
    "lungs": "{both |}{lungs|lung|lung fields|lung field|lung parenchyma|pulmonary parenchyma|lung bases|lung apices"
    "|lung zones|airspaces|air spaces|pulmonary|parenchyma|parenchymal}",
    "volumes": "{lung|inspiratory|pulmonary} {volume|volumes}, inspiration, inspiratory effort, aeration, inflation",
    "pleura": "{pleural space|pleural spaces|pleura|pleural|pleural surfaces|pleural surface|pleural margins}",
    "angle": "{costophrenic|lateral costophrenic|posterior costophrenic|costo phrenic|costo-phrenic|cp}"
    " {angle|angles|sulcus|sulci|recess|recesses|xxxx}, {lateral|posterior} {sulcus|sulci}",
    "diaphragm": "{diaphragm|diaphragms|hemidiaphragm|hemidiaphragms|hemi-diaphragm|hemi-diaphragms|diaphragmatic}"
    " {contour|contours|}",
    "aorta": "{thoracic |descending |ascending |descending thoracic |ascending thoracic |}aorta, aortic {arch|knob|knuckle"
    "|contour|shadow|}, {arch of the aorta}",
    "hila": "{hilum|hila|hilar|hilar structures|hilar contours|hilar contour|pulmonary hila|hilar regions|hilar region}",
    "vessels": "{pulmonary vasculature|pulmonary vascularity|pulmonary vascular|pulmonary vessels|vasculature|vascularity"
    "|pulmonary vascular pattern|vascular markings|pulmonary vascular markings|vascular pattern|pulmonary veins|vascular}",
    "markings": "{interstitial|bronchovascular|lung|pulmonary|bronchial|peribronchial|pulmonary interstitial|lung"
    " interstitial|reticular|perihilar|parenchymal|perihilar interstitial|perihilar bronchovascular} {markings|marking},"
    " {pulmonary |lung |}{interstitium|interstitial}, {markings}",
    "nodes": "{lymph node|lymph nodes|nodes|lymph xxxx}",
    "bones": "{bony|osseous|skeletal} {structures|thorax|structure|skeleton|elements|}, {bone|bones|skeleton|osseous"
    "|bony thoracic structures|clavicle|clavicles|sternum|humerus|scapula|thoracic cage|bony thorax}",
    "ribs": "{rib|ribs|rib cage}",
    "spine": "{thoracic |lumbar |cervical |thoracolumbar |mid thoracic |lower thoracic |t-|t |mid-thoracic |dorsal |}{spine"
    "|vertebra|vertebrae|vertebral body|vertebral bodies|vertebral|spinal}, {thoracolumbar|thoracolumbar junction},"
    " {endplate|endplates}, {thoracic|lumbar} body, t {1|2|3|4|5|6|7|8|9|10|11|12}, l {1|2|3|4|5}",
    "joints": "{shoulder|shoulders|glenohumeral|acromioclavicular|ac joint|ac joints|joint|joints|sternoclavicular"
    "|acromioclavicular joint|acromioclavicular joints|shoulder joints|glenohumeral joint}",
    "trachea": "{trachea|tracheal air column}",
    "artery": "{pulmonary artery|pulmonary arteries|pulmonary arterial|pulmonary trunk|main pulmonary artery|pulmonary"
    " outflow tract}",
    "other": "{soft tissue|soft tissues|abdomen|upper abdomen|bowel|stomach|bowel gas|airway|airways|gallbladder|thyroid"
    "|esophagus|atrium|ventricle|left atrium|right atrium|left atrial|right atrial|chest wall|left ventricle|left ventricular|costal cartilage"
    "|costal cartilages|rib cartilage|interspaces|disc spaces|breast|azygos|fissure|fissures}",
}

STATES: dict[str, str] = {
    "normal": "normal, normally, {within|in|within the} {normal limits|limits of normal|the limits of normal|normal range}"
    " {of size|in size|for size|for appearance|for contour|}, unremarkable, non remarkable, nonremarkable, intact,"
    " clear, sharp, midline, preserved, wnl, negative, good position, patent, satisfactory, smooth, within limits of normal, well defined",
    "inflated": "{well|well-|normally|fully|adequately|} {expanded|inflated|aerated}, normal {expansion|inflation|aeration}",
    "borderline": "{borderline|borderline in|borderline to mildly|upper limits|upper limit|top limits|upper range|high}"
    " {enlarged|enlargement|large|prominent|of normal|normal|size|in size|prominence|of normal in size}, top normal,"
    " top-normal, upper normal, top {limits|limit} of normal, upper limits normal, upper-normal, borderline, low normal,"
    " within the upper limits of normal",
    "enlarged": "enlarged, enlargement, enlarging, prominent, prominence, large, big, wide, widened, widening, dilated,"
    " dilatation, dilation, increased, increase, fullness, full, engorged, engorgement, accentuated, accentuation,"
    " exaggerated, thickened, thickening, coarse, coarsened, coarsening, indistinct, indistinctness, plump, crowded,"
    " crowding, abnormally enlarged, distended",
    "low": "low, decreased, diminished, reduced, shallow",
    "elevated": "elevated, elevation, raised, high riding, high-riding, asymmetrically elevated",
    "flattened": "flattened, flattening, flat, depressed",
    "blunted": "blunted, blunting, blunt, obscured, obscuration, effaced",
    "tortuous": "tortuous, tortuosity, ectatic, ectasia, unfolded, unfolding, uncoiled, uncoiling, elongated",
    "calcified": "calcified, calcification, calcifications, calcific, calcinosis",
    "arthritic": "arthritis, arthritic {change|changes|}, osteoarthritis, osteoarthritic {change|changes|}, osteoarthrosis,"
    " arthropathy, degenerative joint disease, djd, arthrosis",
    "degenerative": "degenerative {change|changes|disease|hypertrophic changes|hypertrophic change|spurring|disc changes|},"
    " hypertrophic {change|changes|spurring|}, degeneration, hypertrophic degenerative changes",
    "deformed": "{deformity|deformities|deformed|collapsed}",
    "deviated": "deviated, deviation, shifted, displaced, deviates",
    "abnormal": "{abnormality|abnormalities|disease|diseases|process|processes|pathology|finding|findings|injury"
    "|injuries|abnormal|trauma}",
}

_P, _N, _Q = Polarity.POSITIVE, Polarity.NEGATIVE, Polarity.UNCERTAIN
Outcome = tuple[tuple[str, Polarity], ...]

RULES: dict[tuple[str, str], Outcome] = {
    ("chest", "normal"): (("No Finding", _P),),
    ("heart", "normal"): (("Cardiomegaly", _N),),
    ("heart", "borderline"): (("Cardiomegaly", _Q),),
    ("heart", "enlarged"): (("Cardiomegaly", _P),),
    ("mediastinum", "normal"): (("Enlarged Cardiomediastinum", _N),),
    ("mediastinum", "borderline"): (("Enlarged Cardiomediastinum", _Q),),
    ("mediastinum", "enlarged"): (("Enlarged Cardiomediastinum", _P),),
    ("mediastinum", "deviated"): (("Mediastinal Shift", _P),),
    ("mediastinum", "calcified"): (("Calcified Lymph Nodes", _P),),
    ("cardiomediastinum", "normal"): (("Cardiomegaly", _N), ("Enlarged Cardiomediastinum", _N)),
    ("cardiomediastinum", "borderline"): (("Enlarged Cardiomediastinum", _Q),),
    ("cardiomediastinum", "enlarged"): (("Enlarged Cardiomediastinum", _P),),
    ("lungs", "normal"): (("Lung Opacity", _N),),
    ("lungs", "inflated"): (("Low Lung Volumes", _N),),
    ("volumes", "inflated"): (("Low Lung Volumes", _N),),
    ("lungs", "calcified"): (("Lung Calcification", _P),),
    ("volumes", "normal"): (("Low Lung Volumes", _N), ("Hyperinflation", _N)),
    ("volumes", "borderline"): (("Low Lung Volumes", _Q),),
    ("volumes", "low"): (("Low Lung Volumes", _P),),
    ("volumes", "enlarged"): (("Hyperinflation", _P),),
    ("pleura", "normal"): (("Pleural Effusion", _N), ("Pneumothorax", _N)),
    ("pleura", "enlarged"): (("Pleural Thickening", _P),),
    ("pleura", "calcified"): (("Pleural Other", _P),),
    ("angle", "normal"): (("Blunted Costophrenic Angle", _N),),
    ("angle", "blunted"): (("Blunted Costophrenic Angle", _P),),
    ("diaphragm", "normal"): (("Elevated Diaphragm", _N),),
    ("diaphragm", "elevated"): (("Elevated Diaphragm", _P),),
    ("diaphragm", "flattened"): (("Flattened Diaphragm", _P),),
    ("aorta", "normal"): (("Tortuous Aorta", _N),),
    ("aorta", "tortuous"): (("Tortuous Aorta", _P),),
    ("aorta", "calcified"): (("Atherosclerosis", _P),),
    ("hila", "normal"): (("Hilar Enlargement", _N),),
    ("hila", "borderline"): (("Hilar Enlargement", _Q),),
    ("hila", "enlarged"): (("Hilar Enlargement", _P),),
    ("hila", "calcified"): (("Calcified Lymph Nodes", _P),),
    ("vessels", "normal"): (("Pulmonary Congestion", _N),),
    ("vessels", "borderline"): (("Pulmonary Congestion", _Q),),
    ("vessels", "enlarged"): (("Pulmonary Congestion", _P),),
    ("vessels", "calcified"): (("Atherosclerosis", _P),),
    ("markings", "normal"): (("Increased Lung Markings", _N),),
    ("markings", "enlarged"): (("Increased Lung Markings", _P),),
    ("nodes", "enlarged"): (("Lymphadenopathy", _P),),
    ("nodes", "calcified"): (("Calcified Lymph Nodes", _P),),
    ("bones", "normal"): (("Fracture", _N),),
    ("ribs", "normal"): (("Fracture", _N),),
    ("ribs", "deformed"): (("Rib Deformity", _P),),
    ("spine", "normal"): (("Vertebral Compression", _N),),
    ("spine", "degenerative"): (("Degenerative Spine", _P),),
    ("spine", "deformed"): (("Vertebral Compression", _P),),
    ("spine", "low"): (("Vertebral Compression", _P),),
    ("joints", "degenerative"): (("Arthritis", _P),),
    ("bones", "degenerative"): (("Degenerative Spine", _P),),
    ("joints", "arthritic"): (("Arthritis", _P),),
    ("bones", "arthritic"): (("Arthritis", _P),),
    ("spine", "arthritic"): (("Degenerative Spine", _P),),
    ("", "arthritic"): (("Arthritis", _P),),
    ("", "degenerative"): (("Degenerative Spine", _P),),
    ("trachea", "normal"): (("Mediastinal Shift", _N),),
    ("trachea", "deviated"): (("Mediastinal Shift", _P),),
    ("Pulmonary Congestion", "normal"): (("Pulmonary Congestion", _N),),
    ("Granuloma", "calcified"): (("Calcified Granuloma", _P),),
    ("Nodule", "calcified"): (("Lung Calcification", _P), ("Nodule", _P)),
    ("Lymphadenopathy", "calcified"): (("Calcified Lymph Nodes", _P),),
}
"""(part, state) → findings; a denied abnormality counts as the state ``normal``, part ``""`` as no part named."""
