//! The lists that names and streets are drawn from.

/// Common surnames with their weight.
#[rustfmt::skip]
pub(super) const COMMON: &[(&str, u16)] = &[
    ("Smith", 828), ("Johnson", 655), ("Williams", 551), ("Brown", 487), ("Jones", 483), ("Garcia", 395),
    ("Miller", 393), ("Davis", 378), ("Rodriguez", 371), ("Martinez", 359), ("Hernandez", 353), ("Lopez", 296),
    ("Gonzalez", 285), ("Wilson", 271), ("Anderson", 266), ("Thomas", 256), ("Taylor", 255), ("Moore", 246),
    ("Jackson", 240), ("Martin", 238), ("Lee", 235), ("Perez", 231), ("Thompson", 225), ("White", 224),
    ("Harris", 211), ("Sanchez", 207), ("Clark", 190), ("Ramirez", 188), ("Lewis", 180), ("Robinson", 179),
    ("Walker", 177), ("Young", 164), ("Allen", 163), ("King", 158), ("Wright", 155), ("Scott", 149),
    ("Torres", 148), ("Nguyen", 148), ("Hill", 147), ("Flores", 146), ("Green", 145), ("Adams", 145),
    ("Nelson", 144), ("Baker", 141), ("Hall", 138), ("Rivera", 132), ("Campbell", 131), ("Mitchell", 130),
    ("Carter", 128), ("Roberts", 127), ("Gomez", 126), ("Phillips", 122), ("Evans", 121), ("Turner", 119),
    ("Diaz", 118), ("Parker", 116), ("Cruz", 115), ("Edwards", 114), ("Collins", 112), ("Reyes", 109),
    ("Stewart", 108), ("Morris", 108), ("Morales", 107), ("Murphy", 105), ("Cook", 103), ("Rogers", 102),
    ("Gutierrez", 101), ("Ortiz", 100), ("Morgan", 99), ("Cooper", 98), ("Peterson", 97), ("Bailey", 97),
    ("Reed", 95), ("Kelly", 94), ("Howard", 94), ("Ramos", 93), ("Kim", 92), ("Cox", 92), ("Ward", 91),
    ("Richardson", 91), ("Watson", 88), ("Brooks", 88), ("Chavez", 86), ("Wood", 86), ("James", 86),
    ("Bennett", 85), ("Gray", 85), ("Mendoza", 84), ("Ruiz", 84), ("Hughes", 83), ("Price", 83), ("Alvarez", 82),
    ("Castillo", 81), ("Sanders", 80), ("Patel", 80), ("Myers", 79), ("Long", 78), ("Ross", 78), ("Foster", 77),
    ("Jimenez", 77), ("Powell", 75), ("Jenkins", 74), ("Perry", 73), ("Russell", 72), ("Sullivan", 71),
    ("Bell", 70), ("Coleman", 70), ("Butler", 69), ("Henderson", 69), ("Barnes", 68), ("Gonzales", 68),
    ("Fisher", 67), ("Vasquez", 67), ("Simmons", 66), ("Romero", 66), ("Jordan", 66), ("Patterson", 65),
    ("Alexander", 64), ("Hamilton", 64), ("Graham", 63), ("Reynolds", 62), ("Griffin", 62), ("Wallace", 61),
    ("Moreno", 61), ("West", 60), ("Cole", 60), ("Hayes", 59), ("Bryant", 59), ("Herrera", 58), ("Gibson", 58),
    ("Ellis", 57), ("Tran", 57), ("Medina", 56), ("Aguilar", 56), ("Stevens", 55), ("Murray", 55), ("Ford", 54),
    ("Castro", 54), ("Marshall", 54), ("Owens", 53), ("Harrison", 53), ("Fernandez", 52), ("McDonald", 52),
    ("Woods", 51), ("Washington", 51), ("Kennedy", 50), ("Wells", 50), ("Vargas", 50), ("Henry", 49), ("Chen", 49),
    ("Freeman", 49), ("Webb", 48), ("Tucker", 48), ("Guzman", 48), ("Burns", 47), ("Crawford", 47), ("Olson", 46),
    ("Simpson", 46), ("Porter", 46), ("Hunter", 45), ("Gordon", 45), ("Mendez", 45), ("Silva", 44), ("Shaw", 44),
    ("Snyder", 44), ("Mason", 43), ("Dixon", 43), ("Munoz", 43), ("Hunt", 42), ("Hicks", 42), ("Holmes", 42),
    ("Palmer", 41), ("Wagner", 41), ("Black", 41), ("Robertson", 40), ("Boyd", 40), ("Rose", 40), ("Stone", 40),
    ("Salazar", 39), ("Fox", 39), ("Warren", 39), ("Mills", 38), ("Meyer", 38), ("Rice", 38), ("Schmidt", 37),
    ("Garza", 37), ("Daniels", 37), ("Ferguson", 36), ("Nichols", 36), ("Stephens", 36), ("Soto", 35),
    ("Weaver", 35), ("Ryan", 35), ("Gardner", 35), ("Payne", 34), ("Grant", 34), ("Dunn", 34), ("Kelley", 33),
    ("Spencer", 33), ("Hawkins", 33), ("Arnold", 32), ("Pierce", 32), ("Vazquez", 32), ("Hansen", 32),
    ("Peters", 31), ("Santos", 31), ("Hart", 31), ("Bradley", 30), ("Knight", 30), ("Elliott", 30),
    ("Cunningham", 30), ("Duncan", 29), ("Armstrong", 29), ("Hudson", 29), ("Carroll", 29), ("Lane", 28),
    ("Riley", 28), ("Andrews", 28), ("Alvarado", 28), ("Ray", 27), ("Delgado", 27), ("Berry", 27), ("Perkins", 27),
    ("Hoffman", 26), ("Johnston", 26), ("Matthews", 26), ("Pena", 26), ("Richards", 26), ("Contreras", 25),
    ("Willis", 25), ("Carpenter", 25), ("Lawrence", 25), ("Sandoval", 24), ("Guerrero", 24), ("George", 24),
    ("Chapman", 24), ("Rios", 24), ("Estrada", 24), ("Ortega", 23), ("Watkins", 23), ("Greene", 23), ("Nunez", 23),
    ("Wheeler", 23), ("Valdez", 22), ("Harper", 22), ("Burke", 22), ("Larson", 22), ("Santiago", 22),
    ("Maldonado", 22), ("Morrison", 21), ("Franklin", 21), ("Carlson", 21), ("Austin", 21), ("Dominguez", 21),
    ("Carr", 20), ("Lawson", 20), ("Jacobs", 20), ("O'Brien", 20), ("Lynch", 20), ("Singh", 20), ("Vega", 20),
    ("Bishop", 19), ("Montgomery", 19), ("Oliver", 19), ("Jensen", 19), ("Harvey", 19), ("Williamson", 19),
    ("Gilbert", 18), ("Dean", 18), ("Sims", 18), ("Espinoza", 18), ("Howell", 18), ("Li", 18), ("Wong", 18),
    ("Reid", 17), ("Hanson", 17), ("Le", 17), ("McCoy", 17), ("Garrett", 17), ("Burton", 17), ("Fuller", 17),
    ("Wang", 17), ("Weber", 16), ("Welch", 16), ("Rojas", 16), ("Lucas", 16), ("Marquez", 16), ("Fields", 16),
    ("Park", 16), ("Yang", 16), ("Little", 16), ("Banks", 15), ("Padilla", 15), ("Day", 15), ("Walsh", 15),
    ("Bowman", 15), ("Schultz", 15), ("Luna", 15), ("Fowler", 15), ("Mejia", 15), ("O'Connor", 12), ("D'Angelo", 6),
    ("de la Cruz", 14), ("van der Berg", 4), ("Van Dyke", 5), ("von Hagen", 3), ("St. John", 6), ("Müller", 5),
    ("Björk", 3), ("De Leon", 13), ("Nakamura", 5), ("Okafor", 4), ("O'Neal", 6), ("Le Blanc", 5), ("Al-Rashid", 4),
    ("MacLeod", 5), ("Bui", 8), ("Huang", 11), ("Khan", 12), ("Ali", 11),
];

/// Spanish surnames among the common ones, plain and with their accents.
#[rustfmt::skip]
pub(super) const HISPANIC: &[(&str, &str)] = &[
    ("Garcia", "García"), ("Rodriguez", "Rodríguez"), ("Martinez", "Martínez"), ("Hernandez", "Hernández"),
    ("Lopez", "López"), ("Gonzalez", "González"), ("Perez", "Pérez"), ("Sanchez", "Sánchez"),
    ("Ramirez", "Ramírez"), ("Torres", "Torres"), ("Flores", "Flores"), ("Rivera", "Rivera"), ("Gomez", "Gómez"),
    ("Diaz", "Díaz"), ("Cruz", "Cruz"), ("Reyes", "Reyes"), ("Morales", "Morales"), ("Gutierrez", "Gutiérrez"),
    ("Ortiz", "Ortiz"), ("Ramos", "Ramos"), ("Chavez", "Chávez"), ("Mendoza", "Mendoza"), ("Ruiz", "Ruiz"),
    ("Alvarez", "Álvarez"), ("Castillo", "Castillo"), ("Jimenez", "Jiménez"), ("Gonzales", "Gonzáles"),
    ("Vasquez", "Vásquez"), ("Romero", "Romero"), ("Moreno", "Moreno"), ("Herrera", "Herrera"),
    ("Medina", "Medina"), ("Aguilar", "Aguilar"), ("Castro", "Castro"), ("Fernandez", "Fernández"),
    ("Vargas", "Vargas"), ("Guzman", "Guzmán"), ("Mendez", "Méndez"), ("Munoz", "Muñoz"), ("Salazar", "Salazar"),
    ("Garza", "Garza"), ("Soto", "Soto"), ("Vazquez", "Vázquez"), ("Delgado", "Delgado"), ("Pena", "Peña"),
    ("Contreras", "Contreras"), ("Sandoval", "Sandoval"), ("Guerrero", "Guerrero"), ("Rios", "Ríos"),
    ("Estrada", "Estrada"), ("Ortega", "Ortega"), ("Nunez", "Núñez"), ("Valdez", "Valdéz"),
    ("Maldonado", "Maldonado"), ("Dominguez", "Domínguez"), ("Vega", "Vega"), ("Espinoza", "Espinoza"),
    ("Rojas", "Rojas"), ("Marquez", "Márquez"), ("Padilla", "Padilla"), ("Luna", "Luna"), ("Mejia", "Mejía"),
];

/// Beginnings, middles and ends of the rare names.
#[rustfmt::skip]
pub(super) const TAIL: [&[&str]; 3] = [
    &[
        "Ab", "Ald", "Ar", "Bal", "Bar", "Bel", "Ber", "Bor", "Bran", "Bren", "Cal", "Car", "Cas", "Chel", "Cor",
        "Cran", "Dal", "Dar", "Del", "Dor", "Drum", "Eb", "Ed", "El", "Fal", "Fen", "Fer", "Gal", "Gar", "Ger",
        "Gor", "Hal", "Har", "Hel", "Hol", "Hor", "Ib", "Is", "Jan", "Jar", "Kal", "Kar", "Kel", "Kor", "Lam",
        "Lan", "Lar", "Lin", "Mal", "Mar", "Mel", "Mor", "Nar", "Nor", "Ok", "Or", "Pal", "Par", "Pel", "Quen",
        "Ral", "Ran", "Rol", "Sal", "San", "Sel", "Tal", "Tar", "Tor", "Ul", "Val", "Var", "Ver", "Wal", "Wen",
        "Yar", "Zal", "Zim",
    ],
    &[
        "a", "e", "i", "o", "u", "an", "en", "in", "on", "ar", "er", "or", "am", "em", "und", "ist", "ing", "ild",
        "ett", "isk",
    ],
    &[
        "berg", "bury", "cott", "dale", "dorf", "ek", "ell", "enko", "ette", "ez", "feld", "field", "ford", "gard",
        "ham", "hart", "hoff", "ides", "ic", "kin", "land", "ley", "low", "man", "mann", "mont", "ner", "nov",
        "oux", "rell", "rich", "sen", "shaw", "ska", "sky", "son", "stad", "stein", "ston", "strom", "ton", "ville",
        "vich", "ward", "well", "wick", "wood", "worth",
    ],
];

#[rustfmt::skip]
pub(super) const GIVEN_FEMALE: &[&str] = &[
    "Mary", "Jennifer", "Linda", "Patricia", "Elizabeth", "Susan", "Jessica", "Sarah", "Karen", "Lisa", "Nancy",
    "Emily", "Ashley", "Michelle", "Amanda", "Kimberly", "Melissa", "Stephanie", "Rebecca", "Laura", "Emma",
    "Olivia", "Hannah", "Grace", "Rachel", "Megan", "Nicole", "Heather", "Angela", "Amy", "Anna", "Kathleen",
    "Christine", "Samantha", "Katherine", "Julie", "Victoria", "Kelly", "Lauren", "Joyce", "Judith", "Sophia",
    "Ruth", "Megumi", "Priya", "Mei", "Linh", "Aisha", "Fatima", "Ngoc", "Chloe", "Zoe", "Abigail", "Naomi",
    "Irene", "Claire", "Renée", "Zoë", "Amara", "Keiko", "Sunita", "Hana",
];

#[rustfmt::skip]
pub(super) const GIVEN_MALE: &[&str] = &[
    "James", "Robert", "John", "Michael", "David", "William", "Richard", "Joseph", "Thomas", "Christopher",
    "Charles", "Daniel", "Matthew", "Anthony", "Mark", "Steven", "Andrew", "Paul", "Joshua", "Kenneth", "Kevin",
    "Brian", "George", "Timothy", "Ronald", "Jason", "Edward", "Jeffrey", "Ryan", "Jacob", "Gary", "Nicholas",
    "Eric", "Jonathan", "Stephen", "Larry", "Justin", "Scott", "Brandon", "Benjamin", "Samuel", "Gregory",
    "Alexander", "Patrick", "Jack", "Dennis", "Tyler", "Aaron", "Nathan", "Ethan", "Noah", "Liam", "Omar", "Raj",
    "Wei", "Minh", "Kenji", "Ahmed", "Chidi", "Tariq", "Björn", "Seán", "Amit",
];

#[rustfmt::skip]
pub(super) const GIVEN_HISPANIC_FEMALE: &[&str] = &[
    "María", "Guadalupe", "Ana", "Rosa", "Carmen", "Sofía", "Isabel", "Lucía", "Elena", "Gabriela", "Daniela",
    "Alejandra", "Verónica", "Patricia", "Leticia", "Yolanda", "Silvia", "Adriana", "Valeria", "Camila",
];

#[rustfmt::skip]
pub(super) const GIVEN_HISPANIC_MALE: &[&str] = &[
    "José", "Juan", "Luis", "Carlos", "Jesús", "Miguel", "Francisco", "Antonio", "Jorge", "Manuel", "Pedro",
    "Alejandro", "Ricardo", "Fernando", "Eduardo", "Roberto", "Raúl", "Javier", "Diego", "Andrés",
];

#[rustfmt::skip]
pub(super) const STREETS: &[&str] = &[
    "Alder", "Aspen", "Bay", "Beech", "Birch", "Bluff", "Bridge", "Brook", "Canyon", "Cedar", "Cherry", "Chestnut",
    "Church", "Clay", "Cliff", "College", "Cypress", "Dogwood", "Elm", "Fern", "Fir", "Forest", "Garden", "Glen",
    "Grove", "Harbor", "Hazel", "Heather", "Hickory", "Highland", "Hill", "Holly", "Ivy", "Jasmine", "Juniper",
    "Lake", "Laurel", "Lilac", "Linden", "Locust", "Magnolia", "Maple", "Meadow", "Mill", "Mission", "Mulberry",
    "Oak", "Olive", "Orchard", "Park", "Pine", "Poplar", "Prospect", "Redwood", "Ridge", "River", "Rosemary",
    "Spring", "Spruce", "Sycamore", "Valley", "Vine", "Walnut", "Willow",
];

/// Kinds of street, short and as some records write them out.
#[rustfmt::skip]
pub(super) const STREET_KINDS: &[(&str, &str)] = &[
    ("St", "Street"), ("Ave", "Avenue"), ("Blvd", "Boulevard"), ("Ln", "Lane"), ("Dr", "Drive"), ("Ct", "Court"),
];

pub(super) const DIRECTIONS: &[&str] = &["", "N ", "S ", "E ", "W "];

#[rustfmt::skip]
pub(super) const CITIES: &[&str] = &[
    "Alta Vista", "Bayview", "Cedar Falls", "Del Norte", "Eastbrook", "Fairmont", "Glenwood", "Hillcrest",
];
