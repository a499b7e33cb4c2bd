"""What the population is drawn from: names, streets, towns, written for it; frequent ones stand first."""

from typing import Final, NamedTuple


class Town(NamedTuple):
    postal_code: str
    name: str
    area_code: str


WOMEN: Final = (
    "Petra Sabine Monika Susanne Claudia Andrea Birgit Anna Julia Katharina Gabriele Martina Christina "
    "Angelika Heike Ursula Renate Stefanie Karin Silke Anja Barbara Melanie Nicole Helga Ingrid Brigitte "
    "Sandra Maria Lena Laura Sarah Lisa Elisabeth Christine Marion Manuela Tanja Ute Kerstin Katrin Jutta "
    "Doris Elke Simone Daniela Michaela Nadine Johanna Sophie Marie Emilia Hannah Mia Margarete Gerda "
    "Hildegard Gisela Edith Irmgard Anneliese Ilse Waltraud Rosemarie Eva Jana Vanessa Franziska Carolin "
    "Theresa Antonia Charlotte Greta Frieda Ida Luise Wiebke Maike Antje Frauke Dörte Bärbel Käthe Jördis "
    "Renée Zoë Ayşe Fatma Elif Emine Agnieszka Katarzyna Olga Natalia Svetlana Irina Aleksandra Jasmin "
    "Leila Mariam Chiara Giulia Beate Cornelia Regina Veronika Magdalena"
).split()
MEN: Final = (
    "Thomas Michael Andreas Peter Stefan Christian Wolfgang Klaus Jürgen Frank Markus Martin Bernd Uwe "
    "Alexander Daniel Matthias Dieter Manfred Werner Hans Jan Tobias Sebastian Florian Oliver Ralf Jörg "
    "Torsten Holger Helmut Günter Karl Heinz Horst Gerhard Walter Rainer Norbert Joachim Johannes Josef "
    "Philipp Lukas Felix Jonas Maximilian Leon Paul Tim Niklas Fabian Simon David Benjamin Patrick Marcel "
    "Dennis Sven Kai Dirk Volker Axel Harald Detlef Rüdiger Günther Jürg Götz Björn Sönke Jörn Malte "
    "Hauke Ole Emil Anton Friedrich Wilhelm Otto Ernst Hermann Rudolf Mehmet Mustafa Ahmet Emre Piotr "
    "Krzysztof Tomasz Dmitri Sergej Igor Ali Hassan Omar Luca Marco Giuseppe Ludwig Erich Kurt Siegfried "
    "Reinhard Konrad Gregor Lennart Jannis Moritz Valentin Vincent Ulrich"
).split()
SHORT_FORMS: Final[dict[str, tuple[str, ...]]] = {
    "Susanne": ("Susi", "Sanne"),
    "Katharina": ("Kathi", "Katja"),
    "Gabriele": ("Gabi",),
    "Stefanie": ("Steffi",),
    "Ursula": ("Uschi", "Ulla"),
    "Barbara": ("Bärbel", "Babsi"),
    "Elisabeth": ("Lisa", "Elli", "Sissi"),
    "Christine": ("Tine", "Christel"),
    "Christina": ("Tina",),
    "Margarete": ("Grete", "Gretel"),
    "Johanna": ("Hanna",),
    "Angelika": ("Geli",),
    "Renate": ("Reni",),
    "Franziska": ("Franzi",),
    "Theresa": ("Resi",),
    "Magdalena": ("Lena", "Leni"),
    "Antonia": ("Toni",),
    "Brigitte": ("Gitte", "Biggi"),
    "Rosemarie": ("Rosi",),
    "Hildegard": ("Hilde",),
    "Waltraud": ("Traudl",),
    "Aleksandra": ("Ola", "Alex"),
    "Cornelia": ("Conny",),
    "Manuela": ("Manu",),
    "Thomas": ("Tom",),
    "Michael": ("Micha", "Michi"),
    "Andreas": ("Andi",),
    "Alexander": ("Alex", "Sascha"),
    "Matthias": ("Matze",),
    "Johannes": ("Hannes", "Hans"),
    "Josef": ("Sepp", "Jupp"),
    "Maximilian": ("Max",),
    "Sebastian": ("Basti",),
    "Joachim": ("Achim", "Jochen"),
    "Wolfgang": ("Wolfi",),
    "Manfred": ("Manni",),
    "Friedrich": ("Fritz",),
    "Wilhelm": ("Willi",),
    "Rudolf": ("Rudi",),
    "Benjamin": ("Ben", "Benni"),
    "Daniel": ("Dani",),
    "Florian": ("Flo",),
    "Tobias": ("Tobi",),
    "Philipp": ("Phil",),
    "Niklas": ("Nik",),
    "Ulrich": ("Uli",),
    "Siegfried": ("Siggi",),
    "Konrad": ("Conny",),
    "Giuseppe": ("Peppe",),
    "Krzysztof": ("Chris",),
    "Hermann": ("Manni",),
    "Günther": ("Günni",),
    "Karl": ("Kalle",),
}
MIDDLE: Final = "Maria Anna Luise Elisabeth Josef Maria Karl Peter Johann Sophie Heinrich Georg".split()

COMMON_SURNAMES: Final = (
    "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer "
    "Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt "
    "Werner Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser "
    "Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger "
    "Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin "
    "Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf "
    "Schulte Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff "
    "Pfeiffer Yılmaz Kaya Demir Şahin Öztürk Nowak Kowalski Wiśniewski Ivanov Petrov Nguyen Rossi Russo "
    "Popović Jovanović Hassan Özdemir Aydın Schäffer Voß Kreß Weiss Gessner Jansen Petersen Hansen "
    "Claasen Brodersen Lüders Lühmann Ahrens Behrens Harms Dünnwald Höfer Täubner Bölling Käfer"
).split()
SURNAME_HEADS: Final = (
    "Stein Eich Birken Linden Rosen Wald Berg Bruck Grün Schwarz Weiß Rot Gold Silber Mühl Bach Feld "
    "Sonnen Winter Sommer Oster Wester Nieder Ober Hohen Alten Neu Kirch Burg Hasel Wiesen Kalten Brunn "
    "Rieden Hütten Schön"
).split()
SURNAME_TAILS: Final = (
    "berg feld mann hauer meier hofer müller thal bauer egger rieder kamp horst huber wieser"
).split()
PARTICLES: Final = ("von", "van", "de", "zu")

STREET_HEADS: Final = (
    "Haupt Schul Bahnhof Garten Kirch Berg Dorf Linden Birken Mühlen Ring Wald Wiesen Rosen Eichen Goethe "
    "Schiller Mozart Beethoven Bach Amsel Finken Lerchen Tannen Ahorn Buchen Friedhof Post Markt Burg "
    "Schloss Brunnen Feld Kastanien Ulmen Holunder Flieder Nelken Tulpen Veilchen Sonnen Stern Industrie "
    "Hafen Ufer Kanal Bach Kloster Jahn Lessing Uhland Kepler Röntgen Siemens Daimler Dürer Holbein "
    "Königs Kaiser Bismarck Moltke Blücher Schäfer Weber Gerber Färber Böttcher Müller Jäger Förster"
).split()
STREET_TAILS: Final = ("straße straße straße straße straße weg weg weg allee gasse platz ring").split()
STREET_WHOLE: Final = (
    "Am Bach",
    "Am Hang",
    "Am Sportplatz",
    "Am Alten Markt",
    "An der Mühle",
    "Auf der Höhe",
    "Im Wiesengrund",
    "Im Winkel",
    "In der Au",
    "Unter den Linden",
    "Zum Sägewerk",
    "Zur Alten Schmiede",
    "Heinrich-Heine-Straße",
    "Albert-Schweitzer-Straße",
    "Robert-Koch-Straße",
    "Theodor-Heuss-Allee",
    "Clara-Schumann-Weg",
    "Sophie-Scholl-Platz",
    "Kurt-Schumacher-Ring",
    "Bürgermeister-Smidt-Straße",
    "Alte Landstraße",
    "Neue Straße",
    "Lange Reihe",
    "Breite Straße",
    "Obere Gasse",
)

_TOWNS = """
10115 Berlin 030|10245 Berlin 030|12043 Berlin 030|13353 Berlin 030|14163 Berlin 030|20095 Hamburg 040
22303 Hamburg 040|21073 Hamburg 040|80331 München 089|81667 München 089|80999 München 089|50667 Köln 0221
50823 Köln 0221|51103 Köln 0221|60311 Frankfurt am Main 069|60599 Frankfurt am Main 069
70173 Stuttgart 0711|70565 Stuttgart 0711|40213 Düsseldorf 0211|40597 Düsseldorf 0211|44135 Dortmund 0231
45127 Essen 0201|04109 Leipzig 0341|04229 Leipzig 0341|01067 Dresden 0351|01307 Dresden 0351
30159 Hannover 0511|30625 Hannover 0511|28195 Bremen 0421|90402 Nürnberg 0911|47051 Duisburg 0203
44787 Bochum 0234|42103 Wuppertal 0202|33602 Bielefeld 0521|53111 Bonn 0228|48143 Münster 0251
76133 Karlsruhe 0721|68159 Mannheim 0621|86150 Augsburg 0821|65183 Wiesbaden 0611
41061 Mönchengladbach 02161|45879 Gelsenkirchen 0209|52062 Aachen 0241|38100 Braunschweig 0531
09111 Chemnitz 0371|24103 Kiel 0431|06108 Halle (Saale) 0345|39104 Magdeburg 0391
79098 Freiburg im Breisgau 0761|47798 Krefeld 02151|23552 Lübeck 0451|55116 Mainz 06131|99084 Erfurt 0361
18055 Rostock 0381|34117 Kassel 0561|58095 Hagen 02331|14467 Potsdam 0331|66111 Saarbrücken 0681
59065 Hamm 02381|26122 Oldenburg 0441|49074 Osnabrück 0541|67059 Ludwigshafen am Rhein 0621
51373 Leverkusen 0214|69117 Heidelberg 06221|64283 Darmstadt 06151|42651 Solingen 0212
93047 Regensburg 0941|85049 Ingolstadt 0841|97070 Würzburg 0931|90762 Fürth 0911|38440 Wolfsburg 05361
89073 Ulm 0731|74072 Heilbronn 07131|75172 Pforzheim 07231|37073 Göttingen 0551|46236 Bottrop 02041
72764 Reutlingen 07121|56068 Koblenz 0261|27568 Bremerhaven 0471|42853 Remscheid 02191|07743 Jena 03641
54290 Trier 0651|91052 Erlangen 09131|47441 Moers 02841|57072 Siegen 0271|31134 Hildesheim 05121
03046 Cottbus 0355|63065 Offenbach am Main 069|32756 Detmold 05231|35390 Gießen 0641
73728 Esslingen am Neckar 0711|88045 Friedrichshafen 07541|83022 Rosenheim 08031|94032 Passau 0851
95444 Bayreuth 0921|96047 Bamberg 0951|84028 Landshut 0871|25813 Husum 04841|17489 Greifswald 03834
29221 Celle 05141|33330 Gütersloh 05241|59755 Arnsberg 02932|78462 Konstanz 07531|71638 Ludwigsburg 07141
36037 Fulda 0661
"""


def _town(line: str) -> Town:
    postal_code, rest = line.split(" ", 1)
    name, area_code = rest.rsplit(" ", 1)
    return Town(postal_code, name, area_code)


TOWNS: Final = tuple(_town(part) for line in _TOWNS.strip().splitlines() for part in line.split("|"))
TOWN_VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "Frankfurt am Main": ("Frankfurt", "Frankfurt/M.", "Frankfurt a.M."),
    "Halle (Saale)": ("Halle", "Halle/Saale"),
    "Freiburg im Breisgau": ("Freiburg", "Freiburg i. Br."),
    "Ludwigshafen am Rhein": ("Ludwigshafen",),
    "Offenbach am Main": ("Offenbach",),
    "Esslingen am Neckar": ("Esslingen",),
}

MOBILE_PREFIXES: Final = (
    "0151 0152 0157 0159 0160 0162 0163 0170 0171 0172 0173 0174 0175 0176 0177 0178 0179"
).split()
MAIL_DOMAINS: Final = (
    "gmx.de gmx.de web.de web.de t-online.de gmail.com gmail.com freenet.de outlook.de posteo.de"
).split()
MAIL_WORDS: Final = ("sonne", "bergfex", "seepferd", "radler", "katze", "garten")
MAIL_DOMAIN_SLIPS: Final[dict[str, str]] = {
    "gmx.de": "gmx.net",
    "web.de": "wbe.de",
    "gmail.com": "gmial.com",
    "t-online.de": "t-onlin.de",
    "freenet.de": "frenet.de",
    "outlook.de": "outlok.de",
    "posteo.de": "postoe.de",
}

TRADES: Final = (
    "Autohaus Bäckerei Metzgerei Malerbetrieb Tischlerei Elektro Sanitär Dachdeckerei Gärtnerei Apotheke "
    "Fahrschule Reisebüro Druckerei Gasthof Hotel Buchhandlung Optik Blumenhaus Kanzlei Ingenieurbüro "
    "Steuerberatung Spedition Maschinenbau Weinhandel Zimmerei Schlosserei Physiotherapie "
    "Kindertagesstätte"
).split()
TRADE_SHORT: Final[dict[str, str]] = {
    "Ingenieurbüro": "Ing.-Büro",
    "Kindertagesstätte": "Kita",
    "Steuerberatung": "StB",
    "Maschinenbau": "Masch.bau",
}
LEGAL_FORMS: Final = (
    ("GmbH",) * 5 + ("e.K.",) * 2 + ("GmbH & Co. KG",) * 3 + ("OHG", "AG", "KG", "UG", "UG (haftungsbeschränkt)")
)
LEGAL_FORM_VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "GmbH": ("GmbH", "Gmbh", "G.m.b.H.", "gmbh", ""),
    "GmbH & Co. KG": ("GmbH & Co KG", "GmbH u. Co. KG", "GmbH&Co.KG", "GmbH"),
    "UG (haftungsbeschränkt)": ("UG", "UG haftungsbeschränkt", "UG (haftungsbeschr.)"),
    "UG": ("UG", "UG (haftungsbeschränkt)"),
    "AG": ("AG", "A.G.", ""),
    "e.K.": ("e.K.", "eK", "e. K.", ""),
    "e.V.": ("e.V.", "eV", "e. V.", ""),
    "OHG": ("OHG", "oHG", ""),
    "KG": ("KG", "K.G.", ""),
}
CLUBS: Final = (
    "Turnverein",
    "Schützenverein",
    "Förderverein Grundschule",
    "Musikverein",
    "Kleingartenverein",
)

BRANCHES: Final = ("Berlin", "Hamburg", "München", "Köln", "Leipzig", "Nürnberg", "Hannover", "Stuttgart")


def prefix_length(number: str) -> int:
    """How many digits of a national number are its area code or mobile prefix."""
    area_codes = (len(town.area_code) for town in TOWNS if number.startswith(town.area_code))
    return 4 if number[:4] in MOBILE_PREFIXES else max(area_codes, default=4)
